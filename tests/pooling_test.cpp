#include "mnemo/core/pooling.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

namespace {

// (7 i mod 11) - 4 as an image of 5 rows and 6 columns.
Tensor image(DType dtype = DType::float64) {
  List list;
  for (int i = 0; i < 30; ++i) list.push_back(7 * i % 11 - 4);
  return cast(doubles(list, {1, 1, 5, 6}), dtype);
}

}  // namespace

TEST_CASE("pooling gives PyTorch's values") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double tolerance = dtype == DType::float32 ? 1e-6 : 1e-11;
    const Tensor x = image(dtype);
    CHECK(values(max_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1})) ==
          List{5.0, 6.0, 6.0, 5.0, 6.0, 5.0, 6.0, 6.0, 5.0});
    CHECK(values(max_pool2d(
              x, {.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}, .dilation = {2, 1}})) ==
          List{5.0, 4.0, 6.0, 6.0, 5.0, 4.0, 6.0, 6.0, 4.0, 4.0});
    CHECK(values(max_pool2d(x, {.kernel = 2, .ceil_mode = true})) ==
          List{5.0, 6.0, 2.0, 3.0, 6.0, 5.0, 6.0, 2.0, 5.0});
    CHECK(distance(values(avg_pool2d(x, {.kernel = 3, .stride = 2, .padding = 1})),
                   {0.555555555556, 1.111111111111, 0.666666666667, 0.666666666667, 1.111111111111,
                    0.444444444444, 0.333333333333, 0.777777777778, 0.333333333333}) < tolerance);
    CHECK(distance(values(avg_pool2d(
                       x, {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false})),
                   {1.25, 1.666666666667, 1.0, 1.0, 1.111111111111, 0.444444444444, 0.75,
                    1.166666666667, 0.5}) < tolerance);
    CHECK(distance(values(avg_pool2d(
                       x, {.kernel = {2, 4}, .stride = {2, 3}, .padding = 1, .ceil_mode = true})),
                   {-0.25, 0.625, -0.5, 1.375, 1.0, 0.25, 1.125, 1.125, 1.0}) < tolerance);
    CHECK(distance(values(adaptive_avg_pool2d(x, {3, 4})),
                   {1.25, 0.0, 3.0, -1.0, 1.0, 0.666666666667, 0.0, -0.333333333333, 0.75, 2.25,
                    -0.25, 1.25}) < tolerance);
    CHECK(distance(values(adaptive_avg_pool2d(x, {7, 1})),
                   {0.666666666667, 0.583333333333, 1.333333333333, 2.166666666667, 1.166666666667,
                    1.0, 1.833333333333}) < tolerance);
  }
  const Tensor x = image();
  CHECK(global_avg_pool2d(x).item() == doctest::Approx(mean(x).item()));
  CHECK(global_max_pool2d(x).shape() == Shape{1, 1, 1, 1});
  CHECK(values(max_pool1d(counted({1, 1, 5}), {.kernel = 2})) == List{1, 3});
  CHECK(values(avg_pool1d(counted({1, 1, 5}), {.kernel = 3, .stride = 1})) == List{1, 2, 3});
}

TEST_CASE("max pooling lets NaN through and gives the gradient to the first of several") {
  const Tensor x = full({1, 1, 2, 4}, 3.0, DType::float64);
  x.mutable_data<double>()[5] = NAN;
  CHECK(distance(values(max_pool2d(x, {.kernel = 2})), {NAN, 3}) == 0.0);
  x.set_requires_grad();
  CHECK(values(grad(sum(max_pool2d(x, {.kernel = 2})), {x})[0]) == List{0, 0, 1, 0, 0, 1, 0, 0});
}

TEST_CASE("pooling of no samples, and what is refused") {
  CHECK(max_pool2d(zeros({0, 3, 4, 4}), {.kernel = 2}).shape() == Shape{0, 3, 2, 2});
  CHECK(avg_pool2d(zeros({2, 0, 4, 4}), {.kernel = 2}).shape() == Shape{2, 0, 2, 2});
  const Tensor x = image();
  CHECK(error_of([&] { max_pool2d(x, {.kernel = 7}); }).find("[1, 1, 5, 6]") != std::string::npos);
  CHECK(error_of([&] { max_pool2d(x, {.kernel = 0}); }).find("kernel 0") != std::string::npos);
  CHECK(error_of([&] { max_pool2d(x, {.kernel = 2, .stride = -1}); }).find("stride -1") !=
        std::string::npos);
  CHECK(error_of([&] { max_pool2d(x, {.kernel = 2, .padding = 2}); }).find("half") !=
        std::string::npos);
  CHECK(error_of([&] { avg_pool2d(x, {.kernel = 2, .dilation = 2}); }).find("dilation") !=
        std::string::npos);
  CHECK(error_of([&] {
          avg_pool2d(zeros({3, 3}), {.kernel = 2});
        }).find("[3, 3]") != std::string::npos);
  CHECK(error_of([&] { max_pool1d(x, {.kernel = 2}); }).find("max_pool1d") == 0);
  CHECK(error_of([&] { adaptive_avg_pool2d(x, 0); }) != "");
  CHECK(error_of([&] { max_pool2d(cast(x, DType::int32), {.kernel = 2}); }).find("int32") !=
        std::string::npos);
  CHECK(error_of([&] {
          max_pool2d(zeros({1, 1, 1, 1}), {.kernel = 2, .padding = 1, .dilation = 2});
        }).find("only padding") != std::string::npos);
}
