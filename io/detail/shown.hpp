#pragma once
#include <algorithm>
#include <string>
#include <string_view>

#include "mnemo/core/detail/utf8.hpp"

namespace mnemo::detail {

/// A name out of a file, for a message of one line: no line feeds, no escapes of a terminal, nothing
/// but UTF-8, no end where it has none.
inline std::string shown(std::string_view name, std::size_t most = 200) {
  std::string text;
  for (std::size_t at = 0, length = 0; at < name.size(); at += std::max<std::size_t>(length, 1)) {
    if (text.size() >= most) return text + "...";
    length = utf8_length(name, at);
    const std::string_view one = name.substr(at, length);
    const bool control = one < " " || one == "\x7F" || (one >= "\u0080" && one < "\u00a0");
    text += control ? "?" : one;  // one is empty where it is no UTF-8
  }
  return text;
}

}  // namespace mnemo::detail
