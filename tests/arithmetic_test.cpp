#include "mnemo/core/arithmetic.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <tuple>

#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("arithmetic broadcasts, with numbers on both sides") {
  const Tensor column = counted({2, 1}) + 1.0;
  const Tensor row = counted({3}) + 1.0;
  CHECK(values(column * row) == List{1, 2, 3, 2, 4, 6});
  CHECK(values(column - row) == List{0, -1, -2, 1, 0, -1});
  CHECK(values(6.0 / row - 1.0) == List{5, 2, 1});
  CHECK(values(2.0 - -row) == List{3, 4, 5});
  CHECK((zeros({0, 3}) + row).shape() == Shape{0, 3});
  CHECK((scalar(1.0) + scalar(2.0)).item() == 3.0);
  CHECK(error_of([&] { row + ones({2}); }).find("[3] and [2]") != std::string::npos);
  CHECK(error_of([&] { row + cast(row, DType::float64); }).find("float64") != std::string::npos);
  CHECK(error_of([&] { tensor({1}) + tensor({2}); }).find("int32") != std::string::npos);
}

TEST_CASE("comparisons of any dtype, with numbers on both sides") {
  const Tensor x = tensor({1, 2, 3});
  CHECK(values(x < 2.5) == List{1, 1, 0});
  CHECK(values(2.5 < x) == List{0, 0, 1});
  CHECK(values(2.0 >= x) == List{1, 1, 0});
  CHECK(values(2.0 <= x) == List{0, 1, 1});
  CHECK(values(2.0 > x) == List{1, 0, 0});
  CHECK(values(2.0 == x) == List{0, 1, 0});
  CHECK(values(x == 2.0) == List{0, 1, 0});
  CHECK(values(2.0 != x) == List{1, 0, 1});
  CHECK(values(x.reshape({3, 1}) == x) == List{1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK(values(tensor({0.1f}) == 0.1) == List{1});
  CHECK(values(tensor({NAN}) == tensor({NAN})) == List{0});
  CHECK(values(tensor({NAN}) != 0.0) == List{1});
  // Neighbours that a double cannot tell apart.
  CHECK(values(tensor<std::int64_t>({INT64_MAX, INT64_MAX - 1}) < 9223372036854775807.0) ==
        List{1, 1});
  CHECK(values(tensor<std::int64_t>({(std::int64_t{1} << 53) + 1}) == 9007199254740992.0) ==
        List{0});
  CHECK(values(tensor<std::uint8_t>({200}) > -1.0) == List{1});
  const Tensor whole = tensor<std::int32_t>({-3, -2, 2, 3});  // a fraction is never rounded away
  CHECK(values(whole < 2.5) == List{1, 1, 1, 0});
  CHECK(values(whole >= 2.5) == List{0, 0, 0, 1});
  CHECK(values(whole <= -2.5) == List{1, 0, 0, 0});
  CHECK(values(-2.5 < whole) == List{0, 1, 1, 1});
  CHECK(values(whole == 2.5) == List{0, 0, 0, 0});
  CHECK(values(whole != 2.5) == List{1, 1, 1, 1});
  for (const double number : {1e300, HUGE_VAL, 2147483648.0}) {
    CHECK(values(whole < number) == List{1, 1, 1, 1});
    CHECK(values(whole > number) == List{0, 0, 0, 0});
    CHECK(values(whole != number) == List{1, 1, 1, 1});
    CHECK(values(whole >= -number) == List{1, 1, 1, 1});
    CHECK(values(whole == -number) == List{0, 0, 0, 0});
  }
  CHECK(values(tensor<std::int8_t>({-128, 127}) <= -128.0) == List{1, 0});
  CHECK(values(tensor<std::int8_t>({-128, 127}) < 127.0) == List{1, 0});
  CHECK(values(whole < NAN) == List{0, 0, 0, 0});
  CHECK(values(whole != NAN) == List{1, 1, 1, 1});
  CHECK(values(tensor({true, false}) > 0.5) == List{1, 0});
  CHECK(error_of([&] {
          std::ignore = x < tensor({1.0f, 2.0f, 3.0f});
        }).find("float32") != std::string::npos);
  CHECK(error_of([&] { std::ignore = x == ones({2}, DType::int32); }).find("equal: shapes") == 0);
}

TEST_CASE("logic of any dtypes gives bool") {
  const Tensor a = tensor({0, 0, 5, 5});
  const Tensor b = tensor({0.0f, NAN, 0.0f, 1.0f});
  CHECK(values(a && b) == List{0, 0, 0, 1});
  CHECK(values(a || b) == List{0, 1, 1, 1});
  CHECK(values(logical_xor(a, b)) == List{0, 1, 1, 0});
  CHECK(values(!a) == List{1, 1, 0, 0});
  CHECK(values(!tensor({true, false})) == List{0, 1});
  CHECK((a && b).dtype() == DType::boolean);
}

TEST_CASE("where takes any dtype, broadcasts all three and parts the gradient") {
  const Tensor flags = tensor({true, false}).reshape({2, 1});
  CHECK(values(where(flags, tensor({1, 2, 3}), tensor({0}))) == List{1, 2, 3, 0, 0, 0});
  CHECK(values(where(flags, 7.0, counted({2, 2}))) == List{7, 7, 2, 3});
  CHECK(values(where(flags, tensor({true}), tensor({false}))) == List{1, 0});
  const Tensor x = tensor<double>({1, 2});
  x.set_requires_grad();
  CHECK(values(grad(where(tensor({true, false}), x, x * 3.0), {x},
                    {.grad_outputs = {ones_like(x)}})[0]) == List{1, 3});
  CHECK(error_of([&] { where(x, x, x); }).find("not bool") != std::string::npos);
  CHECK(error_of([&] { where(flags, x, tensor({1})); }).find("int32") != std::string::npos);
  CHECK(error_of([&] { where(flags, ones({3}), ones({2})); }).find("where") == 0);
}

TEST_CASE("writing in place is noticed by a derivative that needs the old values, views included") {
  const Tensor w = tensor<double>({1, 2, 3, 4});
  w.set_requires_grad();
  const Tensor view = w.detach().reshape({2, 2});
  const Tensor y = w * w;
  CHECK(error_of([&] { w += 1.0; }).find("NoGrad") != std::string::npos);
  view += 1.0;
  CHECK(values(w) == List{2, 3, 4, 5});
  CHECK(error_of([&] {
          grad(y, {w}, {.grad_outputs = {ones_like(y)}});
        }).find("written in place") != std::string::npos);
  {
    const NoGrad scope;
    w *= 2.0;
    w -= tensor<double>({1});
  }
  CHECK(values(view) == List{3, 5, 7, 9});
}

TEST_CASE("a chain works in the memory of its temporaries, and only there") {
  const Tensor x = full({3, 1000}, 0.5);
  x.set_requires_grad();
  const Tensor handle = x.detach() * 1.0;
  const Tensor other = handle;
  const std::size_t before = memory::statistics().in_use;
  const Tensor y = tanh((x * 2.0 + 1.0) * x - x);  // x is kept by the products, for the gradient
  CHECK(y.at({2, 999}) == doctest::Approx(std::tanh(0.5)));
  CHECK(memory::statistics().in_use - before < 3 * x.bytes());
  CHECK(grad({y}, {x}, {.grad_outputs = {ones_like(x)}})[0].at({0, 0}) ==
        doctest::Approx(2.0 * (1.0 - std::tanh(0.5) * std::tanh(0.5))));
  CHECK(handle.at({1, 1}) == 0.5);

  Tensor last = full({4}, 3.0);
  const void* const memory = last.raw();
  const Tensor sum = std::move(last) + 1.0;
  CHECK(sum.raw() == memory);
  Tensor shared = sum;
  CHECK((std::move(shared) + 1.0).raw() != memory);
  CHECK((full({1}, 3.0) + sum).shape() == Shape{4});
  float lent[] = {1, 2};
  const Tensor borrowed(Storage::borrow(lent, sizeof lent, nullptr), {2}, DType::float32);
  CHECK(values(Tensor(borrowed.storage(), {2}, DType::float32) * 2.0) == List{2, 4});
  const auto doubled = [&] {
    return Tensor(Storage::borrow(lent, sizeof lent, nullptr), {2}, DType::float32) * 2.0;
  };
  CHECK(values(doubled()) == List{2, 4});
  CHECK(lent[1] == 2.0f);
}

TEST_CASE("a tensor may be written from itself and from views of itself, of any recorded kind") {
  const Tensor a = tensor<double>({1, 2, 3, 4});
  a += a;
  a.assign(a.reshape({2, 2}).reshape({4}));
  a.reshape({2, 2}) -= a.reshape({2, 2}) * 0.5;
  CHECK(values(a) == List{1, 2, 3, 4});
  CHECK(error_of([&] { tensor<double>({1}) += a; }).find("assign: the target is [1]") == 0);
  CHECK(error_of([&] { a += tensor({1.0f}); }).find("float32") != std::string::npos);
  CHECK(error_of([&] { a /= Tensor(); }).find("div: an undefined tensor") == 0);

  // What a rule keeps: an input through a recorded view, and the result.
  const Tensor x = tensor<double>({1, 2, 3, 4});
  x.set_requires_grad();
  const Tensor inner = x * 2.0;
  const Tensor squares = inner * inner;
  const Tensor result = tanh(x);
  const NoGrad scope;
  inner.reshape({2, 2}) += 1.0;
  result.reshape({4, 1}).fill(0.0);
  const auto error_of_grad = [&](const Tensor& y) {
    return error_of([&] { grad({y}, {x}, {.grad_outputs = {ones_like(x)}}); });
  };
  CHECK(error_of_grad(squares).find("of shape [4] as it was") != std::string::npos);
  CHECK(error_of_grad(result).find("the result of shape [4] as it was") != std::string::npos);
}
