#include "mnemo/core/upsample.hpp"

#include <doctest/doctest.h>

#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("resize and upsample give PyTorch's values") {
  List list;
  for (int i = 0; i < 30; ++i) list.push_back(7 * i % 11 - 4);
  const Tensor large = doubles(list, {1, 1, 5, 6});
  const Tensor small =
      doubles({list[0], list[1], list[2], list[6], list[7], list[8]}, {1, 1, 2, 3});
  CHECK(values(resize(small, {3, 5})) ==
        List{-4.0, -4.0, 3.0, 3.0, -1.0, -4.0, -4.0, 3.0, 3.0, -1.0, 5.0, 5.0, 1.0, 1.0, -3.0});
  CHECK(values(resize(large, {2, 4})) == List{-4.0, 3.0, 6.0, 2.0, 3.0, -1.0, 2.0, -2.0});
  CHECK(distance(values(resize(small, {3, 5}, Interpolation::bilinear)),
                 {-4.0, -1.2, 3.0, 0.6, -1.0, 0.5, 1.1, 2.0, -0.4, -2.0, 5.0, 3.4, 1.0, -1.4,
                  -3.0}) < 1e-11);
  CHECK(distance(values(resize(large, {2, 4}, Interpolation::bilinear)),
                 {2.4375, -1.5, 3.5, -2.5, 0.1875, 2.4375, -0.8125, 1.4375}) < 1e-11);
  CHECK(distance(values(resize(small, {3, 5}, Interpolation::bilinear_aligned)),
                 {-4.0, -0.5, 3.0, 1.0, -1.0, 0.5, 1.25, 2.0, 0.0, -2.0, 5.0, 3.0, 1.0, -1.0,
                  -3.0}) < 1e-11);
  CHECK(distance(values(resize(small, {1, 2}, Interpolation::bilinear_aligned)), {-4.0, -1.0}) <
        1e-11);
  CHECK(values(upsample(counted({1, 1, 1, 2}), {2, 2})) == List{0, 0, 1, 1, 0, 0, 1, 1});
  CHECK(upsample(zeros({0, 3, 2, 2}), 2).shape() == Shape{0, 3, 4, 4});
  CHECK(error_of([&] { upsample(large, 0); }).find("factor [0, 0]") != std::string::npos);
  CHECK(error_of([&] { resize(large, {3, 0}); }).find("[1, 1, 5, 6]") != std::string::npos);
  CHECK(error_of([&] { resize(zeros({1, 1, 0, 2}), 2); }) != "");
  CHECK(error_of([&] { resize(zeros({2, 2}), 2); }).find("[2, 2]") != std::string::npos);
}
