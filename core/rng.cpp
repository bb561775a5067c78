#include "mnemo/core/rng.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <tuple>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"

namespace mnemo {
namespace {

constexpr std::int64_t block_draws = 4096;

// Some blocks of Philox: the two 64-bit halves of each.
constexpr std::size_t most_blocks = 64;
struct Blocks {
  std::array<std::uint64_t, most_blocks> first;
  std::array<std::uint64_t, most_blocks> second;
  std::size_t count;
};

// Philox4x32-10 for `wanted` blocks from `position` on, and those that fill the last eight, side by
// side, so that the compiler takes several at a time; the constants are those of table 2 and section
// 4.1 of the paper.
void philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t position, std::size_t wanted,
            Blocks& blocks) {
  constexpr std::uint32_t multiplier0 = 0xD2511F53;
  constexpr std::uint32_t multiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t weyl0 = 0x9E3779B9;
  constexpr std::uint32_t weyl1 = 0xBB67AE85;
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  const std::size_t count = blocks.count = (wanted + 7) / 8 * 8;
  std::uint32_t words[4][most_blocks];
  for (std::size_t i = 0; i < count; ++i) {
    words[0][i] = low(position + i);
    words[1][i] = high(position + i);
    words[2][i] = low(stream);
    words[3][i] = high(stream);
  }
  std::uint32_t key0 = low(seed);
  std::uint32_t key1 = high(seed);
  for (int round = 0; round < 10; ++round, key0 += weyl0, key1 += weyl1) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t product0 = std::uint64_t{multiplier0} * words[0][i];
      const std::uint64_t product1 = std::uint64_t{multiplier1} * words[2][i];
      words[0][i] = high(product1) ^ words[1][i] ^ key0;
      words[1][i] = low(product1);
      words[2][i] = high(product0) ^ words[3][i] ^ key1;
      words[3][i] = low(product0);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    blocks.first[i] = std::uint64_t{words[1][i]} << 32 | words[0][i];
    blocks.second[i] = std::uint64_t{words[3][i]} << 32 | words[2][i];
  }
}

// An integer in [0, range) from 64 random bits: their product's upper half. The bias is below
// range / 2^64.
std::uint64_t below(std::uint64_t range, std::uint64_t bits) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(Wide{bits} * range >> 64);
}

// In [0, 1), with all the bits that T can hold.
template <class T>
T unit(std::uint64_t bits) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(bits >> 40) * 0x1p-24f;
  } else {
    return static_cast<double>(bits >> 11) * 0x1p-53;
  }
}

}  // namespace

Rng::Rng(std::uint64_t seed, std::uint64_t stream)
    : state_(from_values(std::vector<std::uint64_t>{seed, stream, 0}, {3})) {}

Rng::Rng(Tensor state) : state_(std::move(state)) {
  if (state_.dtype() != DType::uint64 || !(state_.shape() == Shape{3})) {
    detail::fail("Rng: a state is uint64 [3], got ", state_.dtype(), " ", state_.shape());
  }
}

std::uint64_t Rng::seed() const { return state_.data<std::uint64_t>()[0]; }
std::uint64_t Rng::stream() const { return state_.data<std::uint64_t>()[1]; }
std::uint64_t Rng::position() const { return state_.data<std::uint64_t>()[2]; }

Rng Rng::split(std::string_view name) const {
  // FNV-1a over the name, then one Philox block to mix it with this generator's stream.
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char character : name) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001B3u;
  }
  Blocks blocks;
  philox(hash, stream(), ~std::uint64_t{0}, 1, blocks);
  return Rng(seed(), blocks.first[0]);
}

namespace {

// Fills `result` two elements a block, starting at the state's position, and moves the position on.
// `make(blocks, values)` makes both elements of each block.
template <class T, class Make>
void draw_blocks(const Tensor& state, const Tensor& result, const Make& make) {
  std::uint64_t* const words = state.mutable_data<std::uint64_t>();
  const std::uint64_t seed = words[0];
  const std::uint64_t stream = words[1];
  const std::uint64_t position = words[2];
  const std::int64_t count = result.elements();
  const std::int64_t blocks = (count + 1) / 2;
  words[2] = position + static_cast<std::uint64_t>(blocks);
  T* const out = result.mutable_data<T>();
  detail::parallel_range(blocks, block_draws, [&](std::int64_t begin, std::int64_t end) {
    Blocks some;
    T values[2 * most_blocks];
    constexpr auto most = static_cast<std::int64_t>(most_blocks);
    for (std::int64_t block = begin; block < end; block += most) {
      const std::int64_t wanted = std::min(most, end - block);
      philox(seed, stream, position + static_cast<std::uint64_t>(block),
             static_cast<std::size_t>(wanted), some);
      make(some, values);
      std::copy_n(values, std::min(2 * wanted, count - 2 * block), out + 2 * block);
    }
  });
}

// `place(bits)` makes an element of 64 random bits.
template <class T, class Place>
void draw(const Tensor& state, const Tensor& result, const Place& place) {
  draw_blocks<T>(state, result, [&](const Blocks& blocks, T* values) {
    for (std::size_t i = 0; i < blocks.count; ++i) {
      values[2 * i] = place(blocks.first[i]);
      values[2 * i + 1] = place(blocks.second[i]);
    }
  });
}

}  // namespace

Tensor Rng::uniform(const Shape& shape, double low, double high, DType dtype) {
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high)) {
    detail::fail("uniform: needs finite low <= high, got ", low, " and ", high);
  }
  Tensor result(shape, dtype);
  detail::with_float_type("uniform", dtype, [&]<class T>(std::type_identity<T>) {
    const auto from = static_cast<T>(low);
    const auto range = static_cast<T>(high - low);
    const auto until = static_cast<T>(high);
    const auto place = [=](std::uint64_t bits) {
      const T value = from + range * unit<T>(bits);
      return value < until || range == T(0) ? value : from;  // rounding may have reached `high`
    };
    draw<T>(state_, result, place);
  });
  return result;
}

Tensor Rng::normal(const Shape& shape, double mean, double deviation, DType dtype) {
  if (!(deviation >= 0.0) || !std::isfinite(deviation) || !std::isfinite(mean)) {
    detail::fail("normal: needs a finite mean and a finite deviation >= 0, got ", mean, " and ",
                 deviation);
  }
  Tensor result(shape, dtype);
  detail::with_float_type("normal", dtype, [&]<class T>(std::type_identity<T>) {
    // Pairs as Box and Muller's, in double whatever T is, several at a time.
    using Batch = xsimd::batch<double>;
    draw_blocks<T>(state_, result, [&](const Blocks& blocks, T* values) {
      double radii[most_blocks];
      double angles[most_blocks];
      for (std::size_t i = 0; i < blocks.count; ++i) {
        radii[i] = 1.0 - unit<double>(blocks.first[i]);
        angles[i] = 2.0 * std::numbers::pi * unit<double>(blocks.second[i]);
      }
      for (std::size_t i = 0; i < blocks.count; i += Batch::size) {
        const Batch radius =
            deviation * xsimd::sqrt(-2.0 * xsimd::log(Batch::load_unaligned(radii + i)));
        const auto [sine, cosine] = xsimd::sincos(Batch::load_unaligned(angles + i));
        (mean + radius * cosine).store_unaligned(radii + i);
        (mean + radius * sine).store_unaligned(angles + i);
      }
      for (std::size_t i = 0; i < blocks.count; ++i) {
        values[2 * i] = static_cast<T>(radii[i]);
        values[2 * i + 1] = static_cast<T>(angles[i]);
      }
    });
  });
  return result;
}

Tensor Rng::integers(const Shape& shape, std::int64_t low, std::int64_t high) {
  if (low >= high) detail::fail("integers: needs low < high, got ", low, " and ", high);
  Tensor result(shape, DType::int64);
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const auto place = [=](std::uint64_t bits) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + below(range, bits));
  };
  draw<std::int64_t>(state_, result, place);
  return result;
}

Tensor Rng::permutation(std::int64_t count) {
  if (count < 0) detail::fail("permutation: of ", count, " elements");
  Tensor result({count}, DType::int64);
  std::int64_t* const order = result.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) order[i] = i;
  if (count < 2) return result;
  Tensor random({count - 1}, DType::uint64);
  draw<std::uint64_t>(state_, random, [](std::uint64_t drawn) { return drawn; });
  const std::uint64_t* const bits = random.data<std::uint64_t>();
  for (std::int64_t i = count - 1; i > 0; --i) {
    const std::uint64_t other = below(static_cast<std::uint64_t>(i + 1), bits[count - 1 - i]);
    std::swap(order[i], order[other]);
  }
  return result;
}

Variables Rng::variables() const { return {{"state", state_}}; }

}  // namespace mnemo
