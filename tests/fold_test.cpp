#include "mnemo/core/fold.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("unfold and fold give PyTorch's values and are adjoint") {
  const FoldOptions options{.kernel = {2, 3}, .stride = {2, 1}, .padding = {1, 0}};
  const Tensor x = counted({1, 2, 3, 4});
  const Tensor columns = unfold(x, options);
  CHECK(columns.shape() == Shape{1, 12, 4});
  CHECK(values(columns) == List{0.0,  0.0,  4.0,  5.0,  0.0,  0.0,  5.0,  6.0,  0.0,  0.0,
                                6.0,  7.0,  0.0,  1.0,  8.0,  9.0,  1.0,  2.0,  9.0,  10.0,
                                2.0,  3.0,  10.0, 11.0, 0.0,  0.0,  16.0, 17.0, 0.0,  0.0,
                                17.0, 18.0, 0.0,  0.0,  18.0, 19.0, 12.0, 13.0, 20.0, 21.0,
                                13.0, 14.0, 21.0, 22.0, 14.0, 15.0, 22.0, 23.0});
  CHECK(values(fold(columns, {3, 4}, options)) ==
        List{0.0,  2.0,  4.0,  3.0,  4.0,  10.0, 12.0, 7.0,  8.0,  18.0, 20.0, 11.0,
             12.0, 26.0, 28.0, 15.0, 16.0, 34.0, 36.0, 19.0, 20.0, 42.0, 44.0, 23.0});
  const FoldOptions spread{.kernel = 2, .stride = 2, .padding = 1, .dilation = {1, 3}};
  Rng rng(1);
  const Tensor image = rng.normal({2, 3, 6, 7}, 0.0, 1.0, DType::float64);
  const Tensor u = unfold(image, spread);
  const Tensor g = rng.normal(u.shape(), 0.0, 1.0, DType::float64);
  CHECK(sum(u * g).item() ==
        doctest::Approx(sum(image * fold(g, {6, 7}, spread)).item()).epsilon(1e-12));
  CHECK(unfold(zeros({0, 2, 3, 3}), {.kernel = 2}).shape() == Shape{0, 8, 4});
}

TEST_CASE("windows that do not fit are refused") {
  const Tensor x = counted({1, 2, 3, 4});
  CHECK(error_of([&] { unfold(x, {.kernel = 5}); }).find("[5, 5]") != std::string::npos);
  CHECK(error_of([&] { unfold(x, {.kernel = 0}); }) != "");
  CHECK(error_of([&] { unfold(x, {.kernel = 2, .stride = 0}); }) != "");
  CHECK(error_of([&] { unfold(x, {.kernel = 2, .padding = -1}); }) != "");
  CHECK(error_of([&] {
          unfold(counted({3, 4}), {.kernel = 2});
        }).find("[3, 4]") != std::string::npos);
  CHECK(error_of([&] {
          fold(counted({1, 8, 5}), {3, 3}, {.kernel = 2});
        }).find("[1, 8, 5]") != std::string::npos);
  CHECK(error_of([&] { fold(counted({1, 7, 4}), {3, 3}, {.kernel = 2}); }) != "");
  CHECK(error_of([&] {
          fold(zeros({1, 0, 4}), {INT64_MIN, INT64_MAX}, {.kernel = 2});
        }).find("fold: an image of") == 0);
}
