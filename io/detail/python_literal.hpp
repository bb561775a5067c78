#pragma once
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mnemo::detail {

/// A Python literal, as far as the header of an .npy file needs it.
struct Literal {
  struct None {};
  struct Tuple {
    std::pmr::vector<Literal> items;
  };
  struct List {
    std::pmr::vector<Literal> items;
  };
  struct Dict {
    std::pmr::vector<std::pair<Literal, Literal>> items;
  };
  /// An integer that does not fit is `overflow`.
  struct Integer {
    std::int64_t value;
    bool overflow;
  };
  std::variant<None, bool, Integer, std::string, Tuple, List, Dict> value;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
};

/// Reads what Python's ast.literal_eval reads of strings, integers (with Python 2's L suffix), True,
/// False, None, tuples, lists and dicts, in any legal spelling. Its items are in `memory`, which outlives it.
/// Throws Error that does not say of which file.
Literal parse_literal(std::string_view text, std::pmr::memory_resource& memory);

}  // namespace mnemo::detail
