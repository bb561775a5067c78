#include "mnemo/core/softmax.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("softmax and log_softmax along any axis, in both dtypes, short and long") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double tolerance = dtype == DType::float32 ? 1e-6 : 1e-14;
    for (const Shape& shape : {Shape{3, 4, 5}, Shape{2, 5003}, Shape{1, 1}, Shape{7}}) {
      const Tensor x = Rng(1).normal(shape, 0.0, 3.0, dtype);
      for (std::int64_t axis = -static_cast<std::int64_t>(shape.rank()); axis < 0; ++axis) {
        const Reduction along{.axes = {axis}, .keepdims = true};
        const Tensor wide = cast(x, DType::float64);
        const Tensor expected = exp(wide) / sum(exp(wide), along);
        CHECK(distance(values(softmax(x, axis)), values(expected)) < tolerance);
        CHECK(distance(values(exp(cast(log_softmax(x, axis), DType::float64))), values(expected)) <
              4.0 * tolerance);
      }
    }
  }
  // A million equal chances, which a float alone could not add up.
  CHECK(sum(softmax(zeros({1000000}))).item() == doctest::Approx(1.0).epsilon(1e-6));
  CHECK(log_softmax(zeros({1000000})).at({7}) == doctest::Approx(-std::log(1e6)).epsilon(1e-6));
}

TEST_CASE("softmax of large, infinite and missing numbers") {
  CHECK(values(softmax(tensor<double>({1000, 1000, -INFINITY}))) == List{0.5, 0.5, 0});
  CHECK(values(log_softmax(tensor<double>({-1000, -INFINITY}))) == List{0, -INFINITY});
  CHECK(softmax(scalar(3.0)).item() == 1.0);
  CHECK(log_softmax(scalar(3.0)).item() == 0.0);
  CHECK(softmax(zeros({0, 3})).shape() == Shape{0, 3});
  CHECK(softmax(zeros({0, 3}), 0).shape() == Shape{0, 3});
  CHECK(softmax(zeros({2, 0})).shape() == Shape{2, 0});
  for (const std::size_t at : {0u, 5u, 20u}) {
    List list(40, 1.0);
    list[at] = NAN;
    CHECK(std::isnan(softmax(doubles(list, {40})).at({39})));
    CHECK(std::isnan(log_softmax(cast(doubles(list, {40}), DType::float32)).at({39})));
  }
  CHECK(std::isnan(softmax(tensor<double>({-INFINITY, -INFINITY})).at({0})));
  CHECK(error_of([] { softmax(zeros({2, 3}), 2); }).find("axis 2") != std::string::npos);
  CHECK(error_of([] { softmax(tensor({1, 2})); }).find("int32") != std::string::npos);
  CHECK(error_of([] {
          softmax_cross_entropy(zeros({2, 3}), tensor<std::int64_t>({0, 3}));
        }).find("label 3") != std::string::npos);
}
