#pragma once
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "mnemo/core/error.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// Appending to a message, without a locale: numbers read the same everywhere.
inline void append(std::string& text, std::string_view part) { text += part; }
inline void append(std::string& text, const Shape& shape) { text += to_string(shape); }
inline void append(std::string& text, DType dtype) { text += dtype_name(dtype); }
template <class Number>
requires(std::integral<Number> || std::floating_point<Number>) void append(std::string& text,
                                                                           Number number) {
  char digits[64];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, static_cast<std::size_t>(end - digits));
}

/// The parts as one text: strings, numbers, shapes, dtypes.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string result;
  (append(result, parts), ...);
  return result;
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(text(parts...));
}

}  // namespace mnemo::detail
