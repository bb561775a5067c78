#include "mnemo/io/detail/crc.hpp"

#include <libdeflate.h>

#if defined(__AVX512F__) && defined(__VPCLMULQDQ__)
#include <immintrin.h>

#include <array>
#endif

namespace mnemo::detail {
namespace {

#if defined(__AVX512F__) && defined(__VPCLMULQDQ__)
constexpr std::size_t lane_bytes = 64;
constexpr std::size_t step_bytes = 4 * lane_bytes;

// x to the power of `exponent` modulo the CRC's polynomial, its bits in the CRC's order, the first one
// that of the highest power; shifted by the bit that the product of two such numbers lacks.
constexpr long long power_of_x(int exponent) {
  std::uint32_t power = 1u << 31;
  for (; exponent > 0; --exponent) power = power >> 1 ^ (power & 1u ? 0xEDB88320u : 0u);
  return static_cast<long long>(power) << 1;
}

// Moves what is in each 128 bits of `sum` on by a number of bytes, modulo the polynomial, and adds
// `next`, which is there (Gopal et al. 2009, "Fast CRC computation for generic polynomials using
// PCLMULQDQ instruction"). Of the first 64 bits the way is 64 longer; the product itself goes 32.
template <std::size_t bytes>
__m512i moved_on(__m512i sum, __m512i next) {
  constexpr long long high = power_of_x(8 * bytes - 32);
  constexpr long long low = power_of_x(8 * bytes + 32);
  const __m512i factors = _mm512_set_epi64(high, low, high, low, high, low, high, low);
  const __m512i highs = _mm512_clmulepi64_epi128(sum, factors, 0x11);
  return highs ^ _mm512_clmulepi64_epi128(sum, factors, 0x00) ^ next;
}

// For a positive number of whole steps: what they leave modulo the polynomial has 64 bytes, of which
// libdeflate makes the CRC.
std::uint32_t crc32_of_steps(const std::byte* data, std::size_t steps, std::uint32_t before) {
  const auto lane = [&](std::size_t i) { return _mm512_loadu_si512(data + i * lane_bytes); };
  __m512i sums[4] = {lane(0), lane(1), lane(2), lane(3)};
  sums[0] ^= _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(~before)));
  for (std::size_t step = 1; step < steps; ++step) {
    for (std::size_t i = 0; i < 4; ++i) {
      sums[i] = moved_on<step_bytes>(sums[i], lane(4 * step + i));
    }
  }
  for (std::size_t i = 1; i < 4; ++i) sums[i] = moved_on<lane_bytes>(sums[i - 1], sums[i]);
  std::array<std::byte, lane_bytes> left;
  _mm512_storeu_si512(left.data(), sums[3]);
  return ::libdeflate_crc32(~0u, left.data(), left.size());  // ~0: nothing before
}
#endif

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before) {
#if defined(__AVX512F__) && defined(__VPCLMULQDQ__)
  if (const std::size_t steps = bytes.size() / step_bytes) {
    before = crc32_of_steps(bytes.data(), steps, before);
    bytes = bytes.subspan(steps * step_bytes);
  }
#endif
  return bytes.empty() ? before : ::libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace mnemo::detail
