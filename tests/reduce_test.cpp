#include "mnemo/core/reduce.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

namespace {

constexpr double inf = INFINITY;
constexpr double not_a_number = NAN;

}  // namespace

TEST_CASE("reductions over any axes agree with loops over the elements") {
  const Tensor x = Rng(3).normal({3, 4, 5}, 0.5, 1.0, DType::float64);
  const auto each = [&](const auto& visit) {
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 4; ++j) {
        for (std::int64_t k = 0; k < 5; ++k) visit(i, j, k, x.at({i, j, k}));
      }
    }
  };
  List sums(4), products(4, 1.0), largest(4, -inf), smallest(4, inf), squares(4), cubes(4),
      powers(4);
  each([&](std::int64_t, std::int64_t j, std::int64_t, double v) {
    const auto at = static_cast<std::size_t>(j);
    sums[at] += v;
    products[at] *= v;
    largest[at] = std::max(largest[at], v);
    smallest[at] = std::min(smallest[at], v);
    squares[at] += v * v;
    cubes[at] += std::abs(v * v * v);
    powers[at] += std::exp(v);
  });
  const Reduction over{.axes = {0, -1}};
  CHECK(distance(values(sum(x, over)), sums) < 1e-13);
  CHECK(distance(values(prod(x, over)), products) < 1e-12);
  CHECK(values(max(x, over)) == largest);
  CHECK(values(min(x, over)) == smallest);
  for (std::size_t j = 0; j < 4; ++j) {
    const double mean_of = sums[j] / 15.0;
    CHECK(values(var(x, over))[j] ==
          doctest::Approx((squares[j] - 15.0 * mean_of * mean_of) / 14.0));
    CHECK(values(var(x, over, 0.0))[j] == doctest::Approx(squares[j] / 15.0 - mean_of * mean_of));
    CHECK(values(norm(x, 2.0, over))[j] == doctest::Approx(std::sqrt(squares[j])).epsilon(1e-13));
    CHECK(values(norm(x, 3.0, over))[j] == doctest::Approx(std::cbrt(cubes[j])).epsilon(1e-13));
    CHECK(values(logsumexp(x, over))[j] == doctest::Approx(std::log(powers[j])).epsilon(1e-13));
  }
  CHECK(values(norm(x, inf))[0] == std::max(max(x).item(), -min(x).item()));
  CHECK(max(x, {.axes = {1}, .keepdims = true}).shape() == Shape{3, 1, 5});
  CHECK(norm(x, 1.0, {.axes = {2}}).shape() == Shape{3, 4});
}

TEST_CASE("reductions of nothing, of one element and over no length") {
  const Tensor none = zeros({0, 3});
  CHECK(values(sum(none, {.axes = {0}})) == List{0, 0, 0});
  CHECK(values(prod(none, {.axes = {0}})) == List{1, 1, 1});
  CHECK(values(logsumexp(none, {.axes = {0}})) == List{-inf, -inf, -inf});
  CHECK(values(norm(none, 2.0, {.axes = {0}})) == List{0, 0, 0});
  CHECK(values(all(none, {.axes = {0}})) == List{1, 1, 1});
  CHECK(values(any(none, {.axes = {0}})) == List{0, 0, 0});
  CHECK(std::isnan(mean(none).item()));
  CHECK(std::isnan(var(scalar(1.0)).item()));
  CHECK(var(tensor<double>({1, 3}), {}, 3.0).item() == inf);  // a divisor below 0 counts as 0
  CHECK(sum(zeros({2, 0, 3}), {.axes = {0, 2}}).shape() == Shape{0});
  CHECK(mean(zeros({2, 0}), {.axes = {0}}).shape() == Shape{0});
  none.set_requires_grad();
  CHECK(grad(prod(none), {none})[0].shape() == Shape{0, 3});
  none.set_requires_grad(false);
  CHECK(max(none, {.axes = {1}}).shape() == Shape{0});
  CHECK(argmax(none, 1).shape() == Shape{0});
  CHECK(cumsum(none, 0).shape() == Shape{0, 3});
  CHECK(max(scalar(2.0)).item() == 2.0);
  CHECK(prod(scalar(2.0)).item() == 2.0);
  CHECK(argmax(scalar(2.0)).item() == 0.0);
  CHECK(logsumexp(scalar(2.0)).item() == 2.0);
  CHECK(error_of([&] { max(none); }).find("[0, 3]") != std::string::npos);
  CHECK(error_of([&] { argmin(none, 0); }).find("argmin") != std::string::npos);
  CHECK(error_of([&] { norm(none, 0.0); }) != "");
  CHECK(error_of([&] { max(none, {.axes = {2}}); }).find("axis 2") != std::string::npos);
  CHECK(error_of([&] { prod(none, {.axes = {0, -2}}); }).find("twice") != std::string::npos);
  CHECK(error_of([&] { mean(tensor({1, 2})); }).find("int32") != std::string::npos);
}

TEST_CASE("NaN goes through, infinities are kept apart") {
  const Tensor x = tensor<double>({1, not_a_number, 3, 2, inf, -inf}).reshape({2, 3});
  CHECK(distance(values(max(x, {.axes = {1}})), {not_a_number, inf}) == 0.0);
  CHECK(distance(values(min(x, {.axes = {1}})), {not_a_number, -inf}) == 0.0);
  CHECK(values(argmax(x, 1)) == List{1, 1});
  CHECK(values(argmin(x, 1)) == List{1, 2});
  CHECK(logsumexp(tensor<double>({1, inf})).item() == inf);
  CHECK(logsumexp(tensor<double>({-inf, -inf})).item() == -inf);
  CHECK(std::isnan(logsumexp(tensor<double>({1, not_a_number})).item()));
  const Tensor top = tensor<double>({1, inf});
  top.set_requires_grad();
  CHECK(values(grad(logsumexp(top), {top})[0])[0] == 0.0);
  CHECK(logsumexp(tensor<double>({1000, 1000})).item() == doctest::Approx(1000 + std::log(2.0)));
  // A NaN anywhere in a long run, whichever lane and block it meets.
  for (const std::int64_t at : {0, 17, 65536, 199999}) {
    const Tensor long_one = zeros({200000});
    long_one.mutable_data<float>()[at] = static_cast<float>(not_a_number);
    CHECK(std::isnan(max(long_one).item()));
    CHECK(argmin(long_one).item() == static_cast<double>(at));
  }
}

TEST_CASE("ties: argmax takes the first, max shares the gradient") {
  const Tensor x = tensor<double>({5, 1, 5, 5});
  x.set_requires_grad();
  CHECK(argmax(x).item() == 0.0);
  CHECK(values(argmax(x.reshape({2, 2}), 0, true)) == List{0, 1});
  CHECK(distance(values(grad(max(x), {x})[0]), {1.0 / 3, 0, 1.0 / 3, 1.0 / 3}) < 1e-15);
  CHECK(values(grad(min(x), {x})[0]) == List{0, 1, 0, 0});
}

TEST_CASE("the product's gradient is exact beside zeros, a norm's is 0 at 0") {
  const Tensor x = tensor<double>({2, 0, 3});
  x.set_requires_grad();
  CHECK(values(grad(prod(x), {x})[0]) == List{0, 6, 0});
  const Tensor two_zeros = tensor<double>({2, 0, 0});
  two_zeros.set_requires_grad();
  const Tensor first = grad(prod(two_zeros), {two_zeros}, {.create_graph = true})[0];
  CHECK(values(first) == List{0, 0, 0});
  CHECK(values(grad(slice(first, 0, 1, 2).reshape({}), {two_zeros})[0]) == List{0, 0, 2});
  const Tensor zero = zeros({3}, DType::float64);
  zero.set_requires_grad();
  for (const double p : {1.0, 1.5, 2.0, 3.0})
    CHECK(values(grad(norm(zero, p), {zero})[0]) == List{0, 0, 0});
  for (const double p : {0.5, 1.0, 1.5, 2.0}) CHECK(values(grad(norm(x, p), {x})[0])[1] == 0.0);
}

TEST_CASE("integers and bool are summed exactly, all and any take every dtype") {
  CHECK(sum(tensor({true, false, true})).item() == 2.0);
  CHECK(sum(tensor({true})).dtype() == DType::int64);
  CHECK(values(sum(full({2, 100}, 200, DType::uint8), {.axes = {1}})) == List{20000, 20000});
  CHECK(prod(tensor<std::int8_t>({-100, 100})).item() == -10000.0);
  CHECK(max(tensor<std::uint8_t>({3, 250})).item() == 250.0);
  CHECK(min(tensor<std::int64_t>({INT64_MIN, 3})).span<std::int64_t>()[0] == INT64_MIN);
  CHECK(values(cumsum(tensor({true, true, false, true}), 0)) == List{1, 2, 2, 3});
  CHECK(values(all(tensor({1, 0, 1, 1}).reshape({2, 2}), {.axes = {1}})) == List{0, 1});
  CHECK(values(any(tensor({0.0f, 0.0f, -0.0f, NAN}).reshape({2, 2}), {.axes = {1}})) == List{0, 1});
  CHECK(all(ones({3, 70000})).item() == 1.0);
}

TEST_CASE("cumsum along any axis, in double between") {
  const Tensor x = counted({2, 3});
  CHECK(values(cumsum(x, 0)) == List{0, 1, 2, 3, 5, 7});
  CHECK(values(cumsum(x, -1)) == List{0, 1, 3, 3, 7, 12});
  const Tensor wide = cumsum(full({3, 130}, 0.5), 0);
  CHECK(wide.at({2, 129}) == 1.5);
  // 0.1f added 1e6 times in float would be off by some hundreds.
  CHECK(cumsum(full({1000000}, 0.1), 0).at({-1}) == doctest::Approx(100000.0).epsilon(1e-6));
  CHECK(error_of([&] { cumsum(x, 2); }).find("axis 2") != std::string::npos);
}

TEST_CASE("sum_to undoes what broadcasting repeated") {
  CHECK(values(sum_to(ones({4, 2, 3}), {2, 1})) == List{12, 12});
  CHECK(error_of([] { sum_to(ones({2, 3}), {2}); }).find("[2, 3]") != std::string::npos);
}
