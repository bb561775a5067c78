#include "mnemo/core/rng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/reduce.hpp"

using namespace mnemo;

namespace {

// The next block as the two 64-bit words that its float64 numbers are made of, their top 53 bits.
std::vector<std::uint64_t> next_words(Rng& rng) {
  const Tensor x = rng.uniform({2}, 0.0, 1.0, DType::float64);
  return {static_cast<std::uint64_t>(x.at({0}) * 0x1p53),
          static_cast<std::uint64_t>(x.at({1}) * 0x1p53)};
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers of its authors") {
  // kat_vectors of Random123: counter, key -> words
  const auto expect = [](std::uint64_t low, std::uint64_t high, std::uint64_t key,
                         std::uint64_t first, std::uint64_t second) {
    Rng rng(key, high);
    rng.variables()["state"].mutable_data<std::uint64_t>()[2] = low;
    const auto words = next_words(rng);
    CHECK(words[0] == first >> 11);
    CHECK(words[1] == second >> 11);
  };
  expect(0, 0, 0, 0xe169c58d6627e8d5, 0x9b00dbd8bc57ac4c);
  expect(~0ull, ~0ull, ~0ull, 0x41c83b0e408f276d, 0x6d5451fda20bc7c6);
  expect(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, 0x94fdccebd16cfe09,
         0x24126ea15001e420);
}

TEST_CASE("the state is one tensor: what is restored goes on alike") {
  Rng rng(42);
  rng.normal({101});
  const Tensor saved = rng.variables()["state"].clone();
  const Tensor next = rng.normal({33});
  rng.uniform({5});
  rng.variables()["state"].assign(saved);
  const Tensor again = rng.normal({33});
  CHECK(std::ranges::equal(next.span<float>(), again.span<float>()));
  CHECK(saved.at({2}) == 51.0);  // two numbers a block
}

TEST_CASE("draws depend on seed, stream and position, not on threads or on copies") {
  const int usual = threads();
  set_threads(1);
  const Tensor one = Rng(3).normal({50001});
  set_threads(3);
  const Tensor three = Rng(3).normal({50001});
  set_threads(usual);
  CHECK(std::ranges::equal(one.span<float>(), three.span<float>()));
  Rng a(7);
  Rng b = a;
  CHECK(a.uniform({1}).item() != b.uniform({1}).item());  // one state
  CHECK(Rng(7).uniform({1}).item() != Rng(8).uniform({1}).item());
  CHECK(Rng(7, 1).uniform({1}).item() != Rng(7, 2).uniform({1}).item());
}

TEST_CASE("streams split by name") {
  Rng rng(9);
  Rng weights = rng.split("weights");
  rng.uniform({10});
  Rng weights_again = rng.split("weights");
  Rng noise = rng.split("noise");
  CHECK(weights.stream() == weights_again.stream());
  CHECK(weights.stream() != noise.stream());
  CHECK(weights.split("a").stream() != noise.split("a").stream());
  CHECK(weights.seed() == 9);
}

TEST_CASE("distributions have their moments and bounds") {
  Rng rng(1);
  const Tensor u = rng.uniform({200000}, -2.0, 3.0, DType::float64);
  const auto [low, high] = std::ranges::minmax(u.span<double>());
  CHECK(low >= -2.0);
  CHECK(high < 3.0);
  CHECK(mean(u).item() == doctest::Approx(0.5).epsilon(0.02));
  const Tensor n = rng.normal({200001}, 1.0, 2.0, DType::float64);
  CHECK(n.elements() == 200001);
  CHECK(mean(n).item() == doctest::Approx(1.0).epsilon(0.02));
  CHECK(mean((n - 1.0) * (n - 1.0)).item() == doctest::Approx(4.0).epsilon(0.02));
  const Tensor k = rng.integers({100000}, -3, 4);
  const auto [least, most] = std::ranges::minmax(k.span<std::int64_t>());
  CHECK(least == -3);
  CHECK(most == 3);
  CHECK(mean(cast(k, DType::float64)).item() == doctest::Approx(0.0).epsilon(0.03));
  // float32 never reaches the upper bound, though rounding could
  const Tensor narrow = rng.uniform({100000}, 1.0, 1.0 + 0x1p-22);
  CHECK(std::ranges::max(narrow.span<float>()) < 1.0f + 0x1p-22f);
}

TEST_CASE("a permutation holds each number once, each place equally often") {
  Rng rng(5);
  std::vector<int> first(6, 0);
  for (int round = 0; round < 6000; ++round) {
    const Tensor order = rng.permutation(6);
    std::vector<std::int64_t> seen(order.span<std::int64_t>().begin(),
                                   order.span<std::int64_t>().end());
    ++first[static_cast<std::size_t>(seen[0])];
    std::ranges::sort(seen);
    for (std::int64_t i = 0; i < 6; ++i) REQUIRE(seen[static_cast<std::size_t>(i)] == i);
  }
  for (const int count : first) CHECK(std::abs(count - 1000) < 150);  // five deviations
  CHECK(rng.permutation(0).elements() == 0);
  CHECK(rng.permutation(1).item() == 0.0);
}

TEST_CASE("bad arguments are errors") {
  Rng rng(1);
  CHECK_THROWS_AS(rng.uniform({2}, 1.0, 0.0), Error);
  CHECK_THROWS_AS(rng.uniform({2}, 0.0, INFINITY), Error);
  CHECK_THROWS_AS(rng.normal({2}, 0.0, -1.0), Error);
  CHECK_THROWS_AS(rng.normal({2}, 0.0, 1.0, DType::int64), Error);
  CHECK_THROWS_AS(rng.integers({2}, 3, 3), Error);
  CHECK_THROWS_AS(rng.permutation(-1), Error);
}
