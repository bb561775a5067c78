#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("einsum equals the sum over all products of elements") {
  Rng rng(7);
  const Tensor a = rng.normal({2, 3, 4}, 0.0, 1.0, DType::float64);  // i j k
  const Tensor b = rng.normal({3, 4, 5}, 0.0, 1.0, DType::float64);  // j k l
  const Tensor all = unsqueeze(a, -1) * unsqueeze(b, 0);             // i j k l
  const auto agrees = [&](const char* formula, const Tensor& expected) {
    const Tensor result = einsum(formula, a, b);
    return result.shape() == expected.shape() && distance(values(result), values(expected)) < 1e-13;
  };
  CHECK(agrees("ijk,jkl->il", sum(all, {.axes = {1, 2}})));
  CHECK(agrees("ijk,jkl->li", transpose(sum(all, {.axes = {1, 2}}))));
  CHECK(agrees("ijk, jkl", sum(all, {.axes = {1, 2}})));
  CHECK(agrees("ijk,jkl->jil", permute(sum(all, {.axes = {2}}), {1, 0, 2})));
  CHECK(agrees("ijk,jkl->lkji", permute(all, {3, 2, 1, 0})));
  CHECK(agrees("ijk,jkl->k", sum(all, {.axes = {0, 1, 3}})));
  CHECK(agrees("ijk,jkl->", sum(all)));
  CHECK(agrees("iJk,Jkl->il", sum(all, {.axes = {1, 2}})));
  CHECK(values(einsum("i,j->ij", tensor({1.0f, 2.0f}), tensor({3.0f, 4.0f}))) == List{3, 4, 6, 8});
  CHECK(values(einsum(",i->i", scalar(2.0), tensor({3.0f, 4.0f}))) == List{6, 8});
  // Without an arrow: the letters that occur once, sorted.
  CHECK(values(einsum("ba,bc", counted({2, 2}), counted({2, 2}))) == List{4, 6, 6, 10});
  CHECK(einsum("ij,jk->ik", zeros({0, 3}), zeros({3, 2})).shape() == Shape{0, 2});
  CHECK(values(einsum("ij,jk->ik", zeros({1, 0}), zeros({0, 2}))) == List{0, 0});
}

TEST_CASE("einsum refuses by name what it does not support") {
  const Tensor m = ones({2, 2});
  const auto refused = [&](const char* formula, const char* because) {
    return error_of([&] { einsum(formula, m, m); }).find(because) != std::string::npos;
  };
  CHECK(refused("ij->ji", "1 operands"));
  CHECK(refused("ij,jk,kl->il", "3 operands"));
  CHECK(refused("...j,jk->...k", "ellipsis"));
  CHECK(refused("ii,ij->j", "diagonal"));
  CHECK(refused("ij,jk->ii", "diagonal"));
  CHECK(refused("ij,jk->iz", "'z' is in no operand"));
  CHECK(refused("i1,1k->ik", "not a letter"));
  CHECK(refused("ijk,kl->ijl", "ranks"));
  CHECK(error_of([&] {
          einsum("ij,jk->ik", m, ones({3, 2}));
        }).find("'j' is 2 long") != std::string::npos);
}
