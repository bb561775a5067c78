// First values of weights: bounds, moments, orthogonality.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "errors.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/embedding.hpp"
#include "mnemo/nn/initializers.hpp"

using namespace mnemo;
namespace init = nn::init;

namespace {

struct Statistics {
  double mean = 0.0, deviation = 0.0, least = 0.0, most = 0.0;
};

Statistics of(const Tensor& tensor) {
  const Tensor x = cast(tensor, DType::float64);
  return {mean(x).item(), std::sqrt(var(x).item()), min(x).item(), max(x).item()};
}

// 200 000 values: the mean is within 5 of its deviations, the deviation within 1 %.
void expect_normal(const nn::Initializer& initializer, const Shape& shape, double deviation) {
  Rng rng(11);
  const Statistics s = of(initializer(shape, rng, DType::float32));
  CHECK(std::abs(s.mean) < 5.0 * deviation / std::sqrt(static_cast<double>(shape.elements())));
  CHECK(s.deviation == doctest::Approx(deviation).epsilon(0.01));
  CHECK(s.most > 3.5 * deviation);
}

void expect_uniform(const nn::Initializer& initializer, const Shape& shape, double bound) {
  Rng rng(12);
  const Statistics s = of(initializer(shape, rng, DType::float32));
  CHECK(s.least >= -bound * (1 + 1e-6));
  CHECK(s.most <= bound * (1 + 1e-6));
  CHECK(s.least < -0.999 * bound);
  CHECK(s.most > 0.999 * bound);
  CHECK(s.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.01));
}

}  // namespace

TEST_CASE("fans: dense [out, in], convolution [out, in, kh, kw]") {
  CHECK(nn::fans({30, 20}).in == 20);
  CHECK(nn::fans({30, 20}).out == 30);
  CHECK(nn::fans({30, 20, 3, 5}).in == 300);
  CHECK(nn::fans({30, 20, 3, 5}).out == 450);
  CHECK(mentions(error_of([] { nn::fans({3}); }), {"[3]", "fan-in"}));
}

TEST_CASE("initialisers have the deviations and bounds of their papers") {
  const Shape dense{500, 400}, conv{100, 80, 5, 5};
  expect_normal(init::normal(0.0, 0.02), dense, 0.02);
  expect_normal(init::glorot_normal(), dense, std::sqrt(2.0 / 900));
  expect_normal(init::glorot_normal(2.0), conv, 2.0 * std::sqrt(2.0 / 4500));
  expect_normal(init::he_normal(), conv, std::sqrt(2.0 / 2000));
  expect_normal(init::he_normal(0.2), dense, std::sqrt(2.0 / (1.04 * 400)));
  expect_normal(init::lecun_normal(), dense, std::sqrt(1.0 / 400));
  expect_uniform(init::uniform(-0.3, 0.3), dense, 0.3);
  expect_uniform(init::glorot_uniform(), conv, std::sqrt(6.0 / 4500));
  expect_uniform(init::glorot_uniform(1.5), dense, 1.5 * std::sqrt(6.0 / 900));
  expect_uniform(init::he_uniform(), dense, std::sqrt(6.0 / 400));
  expect_uniform(init::he_uniform(std::sqrt(5.0)), dense, 1.0 / 20.0);  // PyTorch's layers
  expect_uniform(init::lecun_uniform(), dense, std::sqrt(3.0 / 400));
  expect_uniform(init::fan_in_uniform(), conv, std::sqrt(1.0 / 2000));
  Rng rng(1);
  CHECK(of(init::zeros()({3, 2}, rng, DType::float64)).most == 0.0);
  CHECK(of(init::ones()({3, 2}, rng, DType::float64)).least == 1.0);
  CHECK(of(init::constant(0.5)({3, 2}, rng, DType::float64)).mean == 0.5);
}

TEST_CASE("the truncated normal stays within its bounds and has its moments") {
  Rng rng(13);
  const Statistics s = of(init::truncated_normal()({500, 400}, rng, DType::float64));
  CHECK(s.least >= -2.0);
  CHECK(s.most <= 2.0);
  CHECK(s.most > 1.99);
  CHECK(s.mean == doctest::Approx(0.0).epsilon(0.01));
  CHECK(s.deviation == doctest::Approx(0.87963).epsilon(0.005));  // of N(0, 1) within ±2
  // One side only: the mean of |N(0, 1)| is sqrt(2 / pi).
  const Statistics half =
      of(init::truncated_normal(0.0, 1.0, 0.0, 50.0)({500, 400}, rng, DType::float64));
  CHECK(half.least >= 0.0);
  CHECK(half.mean == doctest::Approx(0.79788).epsilon(0.01));
  CHECK(mentions(error_of([] { init::truncated_normal(0.0, 1.0, 5.0, 6.0); }),
                 {"[5, 6]", "hundredth"}));
  CHECK(mentions(error_of([] { init::truncated_normal(0.0, -1.0); }), {"deviation -1"}));
  CHECK(mentions(error_of([] { init::truncated_normal(0.0, 1.0, 2.0, -2.0); }), {"[2, -2]"}));
}

TEST_CASE("orthogonal rows or columns, of the length asked for") {
  Rng rng(14);
  for (const Shape& shape :
       {Shape{5, 20}, Shape{20, 5}, Shape{7, 7}, Shape{6, 3, 3, 3}, Shape{1, 4}}) {
    CAPTURE(to_string(shape));
    const std::int64_t rows = shape[0], columns = shape.elements() / rows;
    const Tensor w = init::orthogonal(2.0)(shape, rng, DType::float64).reshape({rows, columns});
    const Tensor product = rows <= columns ? matmul(w, w, false, true) : matmul(w, w, true, false);
    const std::int64_t n = product.size(0);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t k = 0; k < n; ++k) {
        CHECK(std::abs(product.at({i, k}) - (i == k ? 4.0 : 0.0)) < 1e-12);
      }
    }
  }
  CHECK(init::orthogonal()({0, 3}, rng, DType::float32).shape() == Shape{0, 3});
  CHECK(mentions(error_of([&] { init::orthogonal()({3}, rng, DType::float32); }), {"[3]"}));
}

TEST_CASE("layers start as PyTorch's do") {
  Rng rng(15);
  const Statistics weight = of(nn::Dense(400, 500, rng).weight);
  CHECK(weight.most == doctest::Approx(1.0 / 20).epsilon(0.001));
  const Statistics bias = of(nn::Dense(400, 5000, rng).bias);
  CHECK(bias.most == doctest::Approx(1.0 / 20).epsilon(0.01));
  CHECK(bias.least == doctest::Approx(-1.0 / 20).epsilon(0.01));
  const Statistics conv = of(nn::Conv2d(16, 400, {.kernel = 5}, rng).weight);
  CHECK(conv.most == doctest::Approx(1.0 / 20).epsilon(0.001));
  // PyTorch counts [in, out, kh, kw] as if the second axis were the inputs.
  const Statistics transposed = of(nn::ConvTranspose2d(400, 16, {.kernel = 5}, rng).weight);
  CHECK(transposed.most == doctest::Approx(1.0 / 20).epsilon(0.001));
  CHECK(of(nn::Embedding(400, 500, rng).weight).deviation == doctest::Approx(1.0).epsilon(0.01));
}

TEST_CASE("the same generator state gives the same weights") {
  Rng a(16), b(16);
  const Tensor first = init::truncated_normal()({10, 10}, a, DType::float32);
  CHECK(all(first == init::truncated_normal()({10, 10}, b, DType::float32)).item() == 1.0);
  CHECK(a.position() == b.position());
}
