#pragma once
#include <cstdint>

namespace mnemo::detail {

/// The smallest whole number that is not below a / b, for b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

}  // namespace mnemo::detail
