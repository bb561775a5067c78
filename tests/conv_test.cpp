#include "mnemo/core/conv.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

namespace {

Tensor line() {
  List list;
  for (int i = 0; i < 12; ++i) list.push_back(5 * i % 7 - 3);
  return doubles(list, {1, 2, 6});
}

Tensor weight(const Shape& shape) {
  List list;
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    list.push_back(static_cast<double>(3 * i % 5 - 2));
  return doubles(list, shape);
}

}  // namespace

TEST_CASE("conv1d and padding \"same\" give PyTorch's values") {
  CHECK(values(conv1d(line(), weight({3, 2, 2}), tensor<double>({1, 2, 3}),
                      {.stride = 2, .padding = 1})) ==
        List{-4.0, 4.0, 4.0, -4.0, 9.0, -3.0, -2.0, 5.0, 2.0, 15.0, -3.0, -1.0});
  CHECK(values(conv1d(line(), weight({3, 2, 2}), {}, {.padding = "same", .dilation = 3})) ==
        List{4.0, 5.0, -2.0, 5.0, 4.0, -4.0, -2.0, 3.0, -7.0, -3.0, 0.0, -2.0, 2.0, -4.0, 8.0, -1.0,
             -4.0, 10.0});
  CHECK(values(conv_transpose1d(line(), weight({2, 3, 2}), {},
                                {.stride = 2, .padding = 1, .output_padding = 1})) ==
        List{-2.0, -7.0, 5.0,  2.0,  -2.0, 4.0, -2.0, -8.0, 5.0,  1.0,  -2.0,
             -6.0, -8.0, 4.0,  4.0,  0.0,  2.0, -4.0, -7.0, 6.0,  5.0,  2.0,
             5.0,  6.0,  -7.0, -4.0, 2.0,  0.0, 4.0,  4.0,  -8.0, -6.0, 1.0});
  List list;
  for (int i = 0; i < 30; ++i) list.push_back(7 * i % 11 - 4);
  CHECK(values(conv2d(doubles(list, {1, 1, 5, 6}), counted({1, 1, 2, 3}, DType::float64), {},
                      {.padding = "same"})) ==
        List{27.0, 5.0,  22.0,  17.0, -10.0, -18.0, 14.0, 30.0, 36.0, 20.0,
             15.0, 10.0, -10.0, 22.0, 17.0,  -10.0, 7.0,  5.0,  21.0, 36.0,
             20.0, 15.0, 21.0,  22.0, 11.0,  10.0,  -2.0, 8.0,  7.0,  1.0});
  CHECK(conv1d(zeros({0, 2, 6}, DType::float64), weight({3, 2, 2})).shape() == Shape{0, 3, 5});
}

TEST_CASE("a stride far beyond the image takes the first window alone") {
  const Tensor x = doubles({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  const Tensor w = doubles({1, 10, 100, 1000}, {1, 1, 2, 2});
  CHECK(values(conv2d(x, w, {}, {.stride = 1 << 29})) == List{5421.0});
  CHECK(values(conv_transpose2d(doubles({2}, {1, 1, 1, 1}), w, {}, {.stride = 1 << 29})) ==
        List{2.0, 20.0, 200.0, 2000.0});
}

TEST_CASE("what a convolution cannot do is refused with names and shapes") {
  const Tensor x = line();
  const Tensor w = weight({3, 2, 2});
  CHECK(error_of([&] {
          conv1d(x, weight({3, 1, 2}));
        }) == "conv1d: input has 2 channels, weight [3, 1, 2] expects 1 (input [1, 2, 6])");
  CHECK(error_of([&] {
          conv1d(x, weight({3, 2, 7}));
        }).find("weight [3, 2, 7] is larger than input [1, 2, 6]") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, weight({3, 2, 2, 2})); }).find("rank 3") != std::string::npos);
  CHECK(error_of([&] { conv2d(x, w); }).find("rank 4") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.stride = 0}); }).find("stride") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.padding = -1}); }).find("padding") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.dilation = 0}); }).find("dilation") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.stride = std::int64_t{1} << 62}); }) != "");
  CHECK(error_of([&] { conv1d(x, w, {}, {.groups = 0}); }).find("groups") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.groups = 2}); }).find("divide") != std::string::npos);
  CHECK(error_of([&] {
          conv1d(x, w, {}, {.stride = {1, 2}});
        }).find("one number") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.stride = 2, .padding = "same"}); }).find("same") !=
        std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, {}, {.padding = "full"}); }).find("full") != std::string::npos);
  CHECK(error_of([&] {
          conv1d(x, zeros({3, 2, 0}, DType::float64));
        }).find("empty") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, zeros({3, 2, 2})); }).find("float32") != std::string::npos);
  CHECK(error_of([&] { conv1d(x, w, zeros({2}, DType::float64)); }).find("bias [2]") !=
        std::string::npos);
  CHECK(error_of([&] {
          conv_transpose1d(x, weight({2, 3, 2}), {}, {.output_padding = 1});
        }).find("output_padding") != std::string::npos);
  CHECK(error_of([&] {
          conv_transpose1d(zeros({1, 2, 1}), zeros({2, 1, 1}), {}, {.padding = 3});
        }) != "");
}
