#include "mnemo/core/dropout.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE(
    "dropout keeps the mean, is repeated by the generator's state, and its gradient has its mask") {
  Rng rng(3);
  const Tensor x = ones({200000}, DType::float64);
  x.set_requires_grad();
  const Tensor y = dropout(x, 0.3, rng);
  // Mean 1 with a deviation of sqrt(0.3 / 0.7 / n) = 0.0015; four of these.
  CHECK(mean(y).item() == doctest::Approx(1.0).epsilon(0.006));
  CHECK(min(y).item() == 0.0);
  CHECK(max(y).item() == doctest::Approx(1.0 / 0.7));
  Rng again(3);
  CHECK(values(dropout(x, 0.3, again)) == values(y));
  CHECK(values(dropout(x, 0.3, again)) != values(y));
  CHECK(values(grad(sum(y), {x})[0]) == values(y));
  CHECK(values(dropout(x, 0.0, rng)) == values(x));
  CHECK(values(dropout(full({3}, INFINITY), 1.0, rng)) == List{0, 0, 0});
  CHECK(dropout(zeros({0, 3}), 0.5, rng).shape() == Shape{0, 3});
  CHECK(error_of([&] { dropout(x, 1.5, rng); }).find("1.5") != std::string::npos);
  CHECK(error_of([&] { dropout(x, NAN, rng); }) != "");
  CHECK(error_of([&] { dropout(tensor({1}), 0.5, rng); }).find("int32") != std::string::npos);
}

TEST_CASE("dropout_channels drops whole channels") {
  Rng rng(4);
  const Tensor y = dropout_channels(ones({8, 16, 3, 3}), 0.5, rng);
  const Tensor sums = sum(y, {.axes = {2, 3}});
  CHECK(all(sums == 0.0 || sums == 18.0).item() == 1.0);
  CHECK(any(sums == 0.0).item() == 1.0);
  CHECK(any(sums == 18.0).item() == 1.0);
  CHECK(error_of([&] { dropout_channels(ones({3}), 0.5, rng); }).find("[3]") != std::string::npos);
}
