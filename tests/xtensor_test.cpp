#include "mnemo/core/xtensor.hpp"

#include <doctest/doctest.h>

#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xview.hpp>

using namespace mnemo;

TEST_CASE("a tensor is seen and written as an xtensor container") {
  const Tensor x = zeros({2, 3});
  auto view = as_xtensor<float>(x);
  view(1, 2) = 5.0f;
  xt::view(view, 0) = 2.0f;
  CHECK(x.at({1, 2}) == 5.0);
  CHECK(x.at({0, 1}) == 2.0);
  CHECK(xt::sum(as_const_xtensor<float>(x))() == 11.0f);
  CHECK(as_const_xtensor<float>(zeros({})).dimension() == 0);
  CHECK_THROWS_AS(as_xtensor<double>(x), Error);
  const auto before = x.version();
  as_xtensor<float>(x);
  CHECK(x.version() > before);
}

TEST_CASE("expressions become tensors, whatever their layout") {
  const xt::xarray<double> a = {{1, 2, 3}, {4, 5, 6}};
  const Tensor turned = from_xtensor(xt::transpose(a) * 10.0);
  CHECK(turned.shape() == Shape{3, 2});
  CHECK(turned.dtype() == DType::float64);
  CHECK(turned.at({2, 0}) == 30.0);
  CHECK(from_xtensor(xt::xarray<std::int64_t>{7}).dtype() == DType::int64);
  CHECK(from_xtensor(a > 2.0).dtype() == DType::boolean);
}
