// Guards against losing speed by accident: each operation beside a plain loop over the same
// numbers, in turn in the same run on one thread, so that the machine and its load do not matter.
// The ratios that are asked for lie far below those of a healthy build. No absolute time is tested
// anywhere.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/conv.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/softmax.hpp"

using namespace mnemo;

namespace {

// How many times faster `ours` is than `loop`: best times of several rounds in turn.
double speedup(const std::function<void()>& ours, const std::function<void()>& loop) {
  const auto seconds = [](const std::function<void()>& run) {
    const auto start = std::chrono::steady_clock::now();
    run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  double best_ours = HUGE_VAL, best_loop = HUGE_VAL;
  for (int round = 0; round < 7; ++round) {
    best_ours = std::min(best_ours, seconds(ours));
    best_loop = std::min(best_loop, seconds(loop));
  }
  return best_loop / best_ours;
}

// Only a plain optimised build says anything about speed.
bool measurable() {
#if defined(NDEBUG) && defined(__OPTIMIZE__)
  return !std::getenv("MNEMO_SANITIZED");
#else
  return false;
#endif
}

struct OneThread {
  int before = threads();
  OneThread() { set_threads(1); }
  ~OneThread() { set_threads(before); }
};

volatile float sink;

}  // namespace

TEST_CASE("operations keep their distance from plain loops") {
  if (!measurable()) return;
  const OneThread scope;
  Rng rng(1);
  SUBCASE("matrix product") {
    constexpr std::int64_t n = 192;
    const Tensor a = rng.uniform({n, n}), b = rng.uniform({n, n});
    std::vector<float> c(n * n);
    CHECK(speedup([&] { matmul(a, b); },
                  [&] {
                    std::fill(c.begin(), c.end(), 0.0f);
                    for (std::int64_t i = 0; i < n; ++i) {
                      for (std::int64_t k = 0; k < n; ++k) {
                        const float s = a.data<float>()[i * n + k];
                        const float* const row = b.data<float>() + k * n;
                        for (std::int64_t j = 0; j < n; ++j) c[i * n + j] += s * row[j];
                      }
                    }
                    sink = c[7];
                  }) > 5.0);
  }
  SUBCASE("convolution") {
    const Tensor x = rng.uniform({4, 32, 14, 14}), w = rng.uniform({32, 32, 3, 3});
    std::vector<float> y(4 * 32 * 12 * 12);
    CHECK(speedup([&] { conv2d(x, w); },
                  [&] {
                    std::fill(y.begin(), y.end(), 0.0f);
                    for (std::int64_t i = 0; i < 4 * 32 * 32 * 9; ++i) {
                      const std::int64_t tap = i % 9, c = i / 9 % 32, o = i / 288 % 32,
                                         n = i / 9216;
                      const float s = w.data<float>()[(o * 32 + c) * 9 + tap];
                      for (std::int64_t r = 0; r < 12; ++r) {
                        const float* const from =
                            x.data<float>() + ((n * 32 + c) * 14 + r) * 14 + tap / 3 * 14 + tap % 3;
                        float* const to = y.data() + ((n * 32 + o) * 12 + r) * 12;
                        for (std::int64_t j = 0; j < 12; ++j) to[j] += s * from[j];
                      }
                    }
                    sink = y[7];
                  }) > 8.0);
  }
  SUBCASE("softmax") {
    const Tensor x = rng.uniform({100, 1000});
    std::vector<float> y(100 * 1000);
    CHECK(speedup([&] { softmax(x); },
                  [&] {
                    for (std::size_t row = 0; row < 100; ++row) {
                      const float* const from = x.data<float>() + row * 1000;
                      const float top = *std::max_element(from, from + 1000);
                      float total = 0;
                      for (std::size_t i = 0; i < 1000; ++i) {
                        total += y[row * 1000 + i] = std::exp(from[i] - top);
                      }
                      for (std::size_t i = 0; i < 1000; ++i) y[row * 1000 + i] /= total;
                    }
                    sink = y[7];
                  }) > 2.0);
  }
  SUBCASE("sum over rows, and largest of windows") {
    const Tensor x = rng.uniform({512, 1024}), images = x.reshape({8, 64, 32, 32});
    std::vector<double> sums(1024);
    std::vector<float> tops(8 * 64 * 16 * 16);
    const auto sum_loop = [&] {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::size_t i = 0; i < 512 * 1024; ++i) sums[i % 1024] += x.data<float>()[i];
      sink = static_cast<float>(sums[7]);
    };
    const auto pool_loop = [&] {
      for (std::size_t i = 0; i < tops.size(); ++i) {
        const float* const at = x.data<float>() + i / 256 * 1024 + i / 16 % 16 * 64 + i % 16 * 2;
        tops[i] = std::max({at[0], at[1], at[32], at[33]});
      }
      sink = tops[7];
    };
    CHECK(speedup([&] { sum(x, {.axes = {0}}); }, sum_loop) > 3.0);
    CHECK(speedup([&] { max_pool2d(images, {.kernel = 2}); }, pool_loop) > 0.25);
  }
}

TEST_CASE("a training step asks the operating system for no memory once it has run") {
  const Tensor x = ones({64, 784}), w = ones({784, 100});
  w.set_requires_grad();
  const auto step = [&] { grad(sum(tanh(matmul(x, w) * 0.01)), {w}); };
  for (int i = 0; i < 3; ++i) step();
  const std::uint64_t before = memory::statistics().fresh;
  for (int i = 0; i < 5; ++i) step();
  CHECK(memory::statistics().fresh == before);
}

TEST_CASE("a long graph takes hardly more time a node than a short one") {
  if (!measurable()) return;
  const OneThread alone;
  const Tensor x = ones({4}).set_requires_grad();
  const auto chain = [&](int length) {
    Tensor y = x;
    for (int i = 0; i < length; ++i) y = y + 1.0;
    return sum(y);
  };
  const Tensor long_chain = chain(200000), short_chain = chain(1000);
  // Both go over as many nodes. Where look-ups of nodes run into each other, it is a twentieth.
  const double ratio = speedup([&] { grad(long_chain, std::vector<Tensor>{x}); },
                               [&] {
                                 for (int i = 0; i < 200; ++i) {
                                   grad(short_chain, std::vector<Tensor>{x});
                                 }
                               });
  CHECK(ratio > 0.3);
}
