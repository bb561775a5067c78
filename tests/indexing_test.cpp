#include "mnemo/core/indexing.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("index_select and take as NumPy's take") {
  const Tensor x = counted({3, 4});
  CHECK(values(index_select(x, 0, tensor({2, 0, 2}))) ==
        List{8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11});
  CHECK(values(index_select(x, -1, tensor<std::uint8_t>({3, 1}))) == List{3, 1, 7, 5, 11, 9});
  CHECK(values(index_select(x, 1, tensor({-1}))) == List{3, 7, 11});
  CHECK(index_select(x, 0, zeros({0}, DType::int64)).shape() == Shape{0, 4});
  const Tensor index = tensor({2, 0, 1, 1}).reshape({2, 2});
  CHECK(take(x, index).shape() == Shape{2, 2, 4});
  CHECK(values(take(x, index, 1)) == List{2, 0, 1, 1, 6, 4, 5, 5, 10, 8, 9, 9});
  CHECK(take(x, scalar(1.0, DType::int64), 0).shape() == Shape{4});
  CHECK(values(take(tensor({true, false}), tensor({1, 0}))) == List{0, 1});
  CHECK(error_of([&] { index_select(x, 0, tensor({3})); }).find("position 3") != std::string::npos);
  CHECK(error_of([&] { index_select(x, 0, tensor({-4})); }).find("-4") != std::string::npos);
  CHECK(error_of([&] { index_select(x, 0, tensor({1.0f})); }).find("float32") != std::string::npos);
  CHECK(error_of([&] { index_select(x, 2, tensor({0})); }).find("axis 2") != std::string::npos);
  CHECK(error_of([&] { index_select(x, 0, index); }) != "");
  CHECK(error_of([&] { index_select(zeros({0, 2}), 0, tensor({0})); }) != "");
}

TEST_CASE("gather, take_along_axis and scatter_add by their definitions") {
  const Tensor x = counted({2, 3});
  const Tensor index = tensor({0, 0, 2, 1}).reshape({2, 2});
  CHECK(values(gather(x, 1, index)) == List{0, 0, 5, 4});
  CHECK(values(gather(x, 0, tensor({1, 0, 1}).reshape({1, 3}))) == List{3, 1, 5});
  CHECK(values(gather(counted({5}), 0, tensor({4, -2}))) == List{4, 3});
  const Tensor order = tensor({2, 0, 1}).reshape({1, 3});
  CHECK(values(take_along_axis(x, order, 1)) == List{2, 0, 1, 5, 3, 4});
  CHECK(values(scatter_add(zeros({2, 3}), 1, index, ones({2, 2}))) == List{2, 0, 0, 0, 1, 1});
  CHECK(values(index_add(ones({3, 2}), 0, tensor({2, 2}), counted({2, 2}))) ==
        List{1, 1, 1, 1, 3, 5});
  // gather and scatter_add are adjoint: <gather(x), g> = <x, scatter_add(0, g)>, three axes.
  Rng rng(5);
  for (const std::int64_t axis : {0, 1, 2}) {
    const Tensor a = rng.normal({4, 5, 6}, 0.0, 1.0, DType::float64);
    Shape shape{4, 5, 6};
    shape[static_cast<std::size_t>(axis)] = 9;
    const Tensor at = rng.integers(shape, 0, 4);
    const Tensor g = rng.normal(shape, 0.0, 1.0, DType::float64);
    const double left = sum(gather(a, axis, at) * g).item();
    CHECK(left ==
          doctest::Approx(sum(a * scatter_add(zeros_like(a), axis, at, g)).item()).epsilon(1e-12));
  }
  CHECK(error_of([&] { gather(x, 1, tensor({0})); }).find("rank") != std::string::npos);
  CHECK(error_of([&] { gather(x, 0, zeros({1, 4}, DType::int64)); }) != "");
  CHECK(error_of([&] {
          gather(x, 1, tensor({3, 0}).reshape({2, 1}));
        }).find("3") != std::string::npos);
  CHECK(error_of([&] { scatter_add(x, 1, index, ones({2, 3})); }) != "");
  CHECK(error_of([&] { scatter_add(x, 1, index, ones({2, 2}, DType::float64)); }) != "");
  CHECK(error_of([&] { take_along_axis(x, zeros({3, 1}, DType::int64), 1); }) != "");
}

TEST_CASE("rows added by an index that repeats add up, as for an embedding") {
  // 70 columns: more than one block of columns.
  const Tensor index = tensor({1, 0, 1, 1});
  const Tensor source = counted({4, 70}, DType::float64);
  const Tensor result = index_add(zeros({2, 70}, DType::float64), 0, index, source);
  for (const std::int64_t j : {0, 63, 64, 69}) {
    CHECK(result.at({0, j}) == 70.0 + static_cast<double>(j));
    CHECK(result.at({1, j}) == 0.0 + 140.0 + 210.0 + 3.0 * static_cast<double>(j));
  }
}

TEST_CASE("one_hot of labels of any shape and dtype") {
  CHECK(values(one_hot(tensor({1, 0}), 3)) == List{0, 1, 0, 1, 0, 0});
  CHECK(one_hot(tensor<std::uint8_t>({1}), 2, DType::boolean).dtype() == DType::boolean);
  CHECK(one_hot(zeros({0}, DType::int64), 3).shape() == Shape{0, 3});
  CHECK(values(one_hot(scalar(2.0, DType::int64), 3, DType::int32)) == List{0, 0, 1});
  CHECK(error_of([] { one_hot(tensor({3}), 3); }).find("label 3") != std::string::npos);
  CHECK(error_of([] { one_hot(tensor({-1}), 3); }).find("label -1") != std::string::npos);
  CHECK(error_of([] { one_hot(tensor({1.0f}), 3); }).find("float32") != std::string::npos);
  CHECK(error_of([] { one_hot(tensor({1}), 0); }) != "");
}
