#include "mnemo/core/creation.hpp"

#include <doctest/doctest.h>

#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("arange as numpy.arange") {
  CHECK(values(arange(4)) == List{0, 1, 2, 3});
  CHECK(arange(4).dtype() == DType::int64);
  CHECK(values(arange(5, 0, -2)) == List{5, 3, 1});
  CHECK(values(arange(0.0, 1.0, 0.25)) == List{0, 0.25, 0.5, 0.75});
  CHECK(arange(0.0, 1.0).dtype() == DType::float32);
  CHECK(arange(0, 3, 1, DType::float64).dtype() == DType::float64);
  CHECK(values(arange(3, 3)).empty());
  CHECK(values(arange(3, 1)).empty());
  constexpr std::int64_t most = INT64_MAX;
  CHECK(arange(most - 2, most).span<std::int64_t>()[1] == most - 1);
  CHECK(error_of([] { arange(0, 3, 0); }) != "");
  CHECK(error_of([] { arange(0.0, INFINITY, 1.0); }) != "");
  CHECK(error_of([] { arange(0.0, 1.0, 0.0); }) != "");
  CHECK(error_of([] { arange(INT64_MIN, INT64_MAX, 1); }) != "");
  CHECK(error_of([] { arange(0, 300, 1, DType::uint8); }) != "");
}

TEST_CASE("linspace holds both ends exactly") {
  CHECK(values(linspace(0.0, 1.0, 5)) == List{0, 0.25, 0.5, 0.75, 1});
  CHECK(values(linspace(3.0, 5.0, 1)) == List{3});
  CHECK(values(linspace(3.0, 5.0, 0)).empty());
  CHECK(linspace(0.0, 0.1, 7, DType::float64).span<double>()[6] == 0.1);
  CHECK(error_of([] { linspace(0.0, 1.0, -1); }) != "");
}

TEST_CASE("eye, tril and triu") {
  CHECK(values(eye(2, 3)) == List{1, 0, 0, 0, 1, 0});
  CHECK(values(eye(2, -1, DType::int32)) == List{1, 0, 0, 1});
  CHECK(eye(0).shape() == Shape{0, 0});
  const Tensor x = counted({2, 3});
  CHECK(values(tril(x)) == List{0, 0, 0, 3, 4, 0});
  CHECK(values(tril(x, 1)) == List{0, 1, 0, 3, 4, 5});
  CHECK(values(triu(x, 1)) == List{0, 1, 2, 0, 0, 5});
  CHECK(values(triu(x, -100)) == values(x));
  CHECK(values(tril(x, INT64_MIN)) == List(6, 0.0));
  CHECK(values(triu(tensor({true, true, true, true}).reshape({2, 2}), 1)) == List{0, 1, 0, 0});
  CHECK(tril(zeros({0, 3, 3})).shape() == Shape{0, 3, 3});
  // A NaN that is cut off is gone.
  CHECK(values(tril(full({2, 2}, NAN)))[1] == 0.0);
  CHECK(error_of([] { tril(zeros({3})); }).find("[3]") != std::string::npos);
  CHECK(error_of([] { eye(-2); }) != "");
}
