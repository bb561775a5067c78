#include "mnemo/io/detail/copy.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "mnemo/core/detail/parallel.hpp"

namespace mnemo::detail {
namespace {

bool fits(const Variable& a, const Variable& b) {
  return a.name == b.name && a.tensor.dtype() == b.tensor.dtype() &&
         a.tensor.shape() == b.tensor.shape();
}

void copy_small(std::byte* to, const std::byte* from, std::size_t count) {
  std::memcpy(to, from, count);
}

/// Writes past the cache, which need not be filled first with what is overwritten: half memcpy's time
/// where more is copied than fits. `to` is aligned to 16 bytes.
void stream(std::byte* to, const std::byte* from, std::size_t count) {
#ifdef __SSE2__
  for (; count >= 64; count -= 64, to += 64, from += 64) {
    for (std::size_t i = 0; i < 64; i += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), bytes);
    }
  }
  _mm_sfence();
#endif
  copy_small(to, from, count);
}

}  // namespace

void copy_elements(const Tensor& from, const Tensor& to) {
  constexpr std::int64_t grain = 1 << 20;
  auto* const target = static_cast<std::byte*>(to.mutable_raw());
  const auto* const source = static_cast<const std::byte*>(from.raw());
  const auto bytes = static_cast<std::int64_t>(to.bytes());
  const bool aligned = reinterpret_cast<std::uintptr_t>(target) % 16 == 0;  // not so if mapped
  const auto copy = bytes >= grain && aligned ? stream : copy_small;
  parallel_range(bytes, grain, [&](std::int64_t begin, std::int64_t end) {
    copy(target + begin, source + begin, static_cast<std::size_t>(end - begin));
  });
}

void copy_variables(const Variables& variables, Variables& copy) {
  if (!std::equal(variables.begin(), variables.end(), copy.begin(), copy.end(), fits)) {
    copy = Variables();
    for (const auto& [name, tensor] : variables)
      copy.add(name, empty(tensor.shape(), tensor.dtype()));
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    copy_elements(variables[i].tensor, copy[i].tensor);
  }
}

}  // namespace mnemo::detail
