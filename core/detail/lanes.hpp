#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

namespace mnemo::detail {

// One register of floats, as wide as the processor that the library is compiled for has them.
#if defined(__AVX512F__)
constexpr int lane_count = 16;
#elif defined(__AVX__)
constexpr int lane_count = 8;
#else
constexpr int lane_count = 4;
#endif
using Lanes [[gnu::vector_size(lane_count * sizeof(float))]] = float;

inline Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

inline void store_lanes(const Lanes& lanes, float* to) { std::memcpy(to, &lanes, sizeof lanes); }

// a0 b0 a1 b1 ..., from the lower or the upper halves.
template <int first, std::size_t... i>
inline Lanes zip(const Lanes& a, const Lanes& b, std::index_sequence<i...>) {
  return __builtin_shufflevector(
      a, b, (first + static_cast<int>(i) / 2 + static_cast<int>(i) % 2 * lane_count)...);
}

/// rows[i][j] becomes rows[j][i]: zipping the halves of the list once per bit of the index rotates
/// the bits of (i, j) until the two have changed places.
inline void transpose(Lanes (&rows)[lane_count]) {
  constexpr int half = lane_count / 2;
  using Every = std::make_index_sequence<lane_count>;
  for (int bit = 1; bit < lane_count; bit *= 2) {
    Lanes zipped[lane_count];
    for (int i = 0; i < half; ++i) {
      zipped[2 * i] = zip<0>(rows[i], rows[i + half], Every());
      zipped[2 * i + 1] = zip<half>(rows[i], rows[i + half], Every());
    }
    for (int i = 0; i < lane_count; ++i) rows[i] = zipped[i];
  }
}

/// 64 bytes of T, whatever the processor has for them. Passed by reference, since the way of passing
/// vectors by value depends on that.
template <class T>
struct BlockOf {
  using type [[gnu::vector_size(64)]] = T;
};
template <class T>
using Block = typename BlockOf<T>::type;
template <class T>
inline constexpr std::int64_t block_size = 64 / sizeof(T);

/// Every `stride`-th element, one or two, from `from` on; reads `stride` blocks.
template <int stride, class T>
void load_block(const T* from, Block<T>& values) {
  static_assert(stride == 1 || stride == 2);
  std::memcpy(&values, from, sizeof values);
  if constexpr (stride == 2) {
    Block<T> more;
    std::memcpy(&more, from + block_size<T>, sizeof more);
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      values = __builtin_shufflevector(values, more, static_cast<int>(2 * i)...);
    }
    (std::make_index_sequence<block_size<T>>());
  }
}

}  // namespace mnemo::detail
