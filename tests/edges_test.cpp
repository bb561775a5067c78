// Inputs of no elements, of rank 0, of one element, very long and far from square. What ordinary
// inputs give is compared with PyTorch and with central differences elsewhere.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "errors.hpp"
#include "mnemo/mnemo.hpp"

using namespace mnemo;

namespace {

using Inputs = std::vector<Tensor>;
using Function = std::function<Tensor(const Inputs&)>;

struct Row {
  const char* name;
  std::size_t inputs;
  Function function;
};

#define UNARY(f)                                   \
  {                                                \
#f, 1, [](const Inputs& x) { return f(x[0]); } \
  }
#define BINARY(f)                                        \
  {                                                      \
#f, 2, [](const Inputs& x) { return f(x[0], x[1]); } \
  }
const std::vector<Row> elementwise{
    UNARY(exp),
    UNARY(expm1),
    UNARY(log),
    UNARY(log1p),
    UNARY(sqrt),
    UNARY(rsqrt),
    UNARY(square),
    UNARY(abs),
    UNARY(sign),
    UNARY(sin),
    UNARY(cos),
    UNARY(erf),
    UNARY(tanh),
    UNARY(sigmoid),
    UNARY(softplus),
    UNARY(relu),
    UNARY(leaky_relu),
    UNARY(elu),
    UNARY(selu),
    UNARY(silu),
    UNARY(log_sigmoid),
    UNARY(gelu),
    UNARY(hardtanh),
    UNARY(operator-),
    BINARY(pow),
    BINARY(maximum),
    BINARY(minimum),
    BINARY(operator+),
    BINARY(operator-),
    BINARY(operator*),
    BINARY(operator/),
    {"gelu.tanh", 1, [](const Inputs& x) { return gelu(x[0], Gelu::tanh); }},
    {"clip", 1, [](const Inputs& x) { return clip(x[0], 0.5, 1.0); }},
    {"where", 2, [](const Inputs& x) { return where(x[0] > x[1], x[0], x[1]); }},
    {"cast", 1, [](const Inputs& x) { return cast(x[0], DType::float64); }},
};
#undef UNARY
#undef BINARY

// The value, and the derivatives of the sum, one below the other as float64.
Tensor all_of(const Function& function, Inputs inputs) {
  for (Tensor& x : inputs) x = x.detach().set_requires_grad();
  const Tensor y = function(inputs);
  Inputs parts{y};
  const Inputs gradients = y.requires_grad() ? grad({sum(y)}, inputs) : Inputs{};
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    CHECK(gradients[i].shape() == inputs[i].shape());
    parts.push_back(gradients[i]);
  }
  for (Tensor& part : parts) part = cast(flatten(part.detach()), DType::float64);
  return stack(parts);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("an element's value and derivatives do not depend on the shape it stands in") {
  constexpr std::int64_t count = 100002;  // 2 * 3 * 7 * 2381
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Inputs rows{Rng(1).uniform({count}, 0.1, 2.0, dtype),
                      Rng(2).uniform({count}, 0.1, 2.0, dtype)};
    for (const Row& row : elementwise) {
      CAPTURE(row.name);
      const auto seen_as = [&](const Shape& shape, std::int64_t start, std::int64_t length) {
        Inputs inputs;
        for (std::size_t i = 0; i < row.inputs; ++i) {
          inputs.push_back(slice(rows[i], 0, start, start + length).reshape(shape));
        }
        return all_of(row.function, inputs);
      };
      const Tensor expected = seen_as({count}, 0, count);
      for (const Shape& shape : {Shape{1, count}, {count, 1}, {2381, 42}, {2, 3, 7, 1, 2381}}) {
        CHECK(same_bits(seen_as(shape, 0, count), expected));
      }
      for (const Shape& shape : {Shape{}, {1}, {1, 1, 1}}) {
        CHECK(same_bits(seen_as(shape, 77777, 1), slice(expected, 1, 77777, 77778)));
      }
      for (const Shape& shape : {Shape{0}, {0, 3}, {2, 0, 3}}) {
        CHECK(seen_as(shape, 0, 0).elements() == 0);
      }
    }
  }
}

TEST_CASE("one number beside many, and many beside none") {
  const Tensor one = scalar(3.0).set_requires_grad();
  const Tensor none = zeros({0, 3}).set_requires_grad();
  const Tensor row = ones({1, 3}).set_requires_grad();
  for (const Row& each : elementwise) {
    if (each.inputs != 2) continue;
    CAPTURE(each.name);
    for (const Tensor& other : {one, row}) {
      const Tensor y = each.function({none, other});
      CHECK(y.shape() == Shape{0, 3});
      const Inputs gradients = grad({sum(y)}, {none, other});
      CHECK(gradients[0].shape() == Shape{0, 3});
      CHECK(gradients[1].shape() == other.shape());
      CHECK(max(abs(gradients[1])).item() == 0.0);
    }
  }
}

TEST_CASE("of no elements: what NumPy and PyTorch give, with gradients of the inputs' shapes") {
  const double infinity = std::numeric_limits<double>::infinity();
  struct Case {
    const char* name;
    Shape input;
    std::function<Tensor(const Tensor&)> function;
    Shape result;
    double value;  // of all elements of the result
  };
  using T = const Tensor&;
  const Tensor weight = ones({5, 3});
  const Tensor kernel = ones({5, 3, 3, 3});
  const std::vector<Case> cases{
      {"sum", {0, 3}, [](T x) { return sum(x); }, {}, 0.0},
      {"sum", {0, 3}, [](T x) { return sum(x, {.axes = {0}}); }, {3}, 0.0},
      {"sum", {0, 3}, [](T x) { return sum(x, {.axes = {1}}); }, {0}, 0.0},
      {"mean", {0, 3}, [](T x) { return mean(x, {.axes = {0}}); }, {3}, NAN},
      {"var", {0, 3}, [](T x) { return var(x, {.axes = {0}}, 0.0); }, {3}, NAN},
      {"prod", {0, 3}, [](T x) { return prod(x, {.axes = {0}}); }, {3}, 1.0},
      {"norm", {0, 3}, [](T x) { return norm(x, 2.0, {.axes = {0}}); }, {3}, 0.0},
      {"norm.1", {0, 3}, [](T x) { return norm(x, 1.0, {.axes = {0}}); }, {3}, 0.0},
      {"logsumexp", {0, 3}, [](T x) { return logsumexp(x, {.axes = {0}}); }, {3}, -infinity},
      {"max", {0, 3}, [](T x) { return max(x, {.axes = {1}}); }, {0}, 0.0},
      {"cumsum", {0, 3}, [](T x) { return cumsum(x, 0); }, {0, 3}, 0.0},
      {"sum_to",
       {0, 3},
       [](T x) {
         return sum_to(x, {1, 3});
       },
       {1, 3},
       0.0},
      {"softmax", {0, 3}, [](T x) { return softmax(x, 0); }, {0, 3}, 0.0},
      {"log_softmax", {3, 0}, [](T x) { return log_softmax(x); }, {3, 0}, 0.0},
      {"matmul", {0, 3}, [&](T x) { return matmul(x, weight, false, true); }, {0, 5}, 0.0},
      {"matmul",
       {2, 0},
       [](T x) {
         return matmul(x, zeros({0, 3}));
       },
       {2, 3},
       0.0},
      {"matmul", {0, 2, 3}, [&](T x) { return matmul(x, weight, false, true); }, {0, 2, 5}, 0.0},
      {"dot", {0}, [](T x) { return dot(x, x); }, {}, 0.0},
      {"outer", {0}, [](T x) { return outer(x, ones({3})); }, {0, 3}, 0.0},
      {"linear", {0, 3}, [&](T x) { return linear(x, weight, ones({5})); }, {0, 5}, 0.0},
      {"einsum", {2, 0}, [](T x) { return einsum("ij,kj->ki", x, x); }, {2, 2}, 0.0},
      {"reshape",
       {0, 3},
       [](T x) {
         return x.reshape({3, 0, 2});
       },
       {3, 0, 2},
       0.0},
      {"transpose", {0, 3}, [](T x) { return transpose(x); }, {3, 0}, 0.0},
      {"concat",
       {0, 3},
       [](T x) {
         return concat({x, ones({2, 3}), x});
       },
       {2, 3},
       1.0},
      {"stack",
       {0, 3},
       [](T x) {
         return stack({x, x}, 1);
       },
       {0, 2, 3},
       0.0},
      {"chunk", {0, 3}, [](T x) { return chunk(x, 2)[0]; }, {0, 3}, 0.0},
      {"slice", {4, 3}, [](T x) { return slice(x, 0, 3, 1); }, {0, 3}, 0.0},
      {"flip", {0, 3}, [](T x) { return flip(x); }, {0, 3}, 0.0},
      {"roll", {0, 3}, [](T x) { return roll(x, {1}, {0}); }, {0, 3}, 0.0},
      {"tile",
       {2, 3},
       [](T x) {
         return tile(x, {0, 2});
       },
       {0, 6},
       0.0},
      {"repeat", {2, 3}, [](T x) { return repeat(x, 0, 1); }, {2, 0}, 0.0},
      {"pad",
       {0, 3},
       [](T x) {
         return pad(x, {{1, 1}, {0, 0}}, PadMode::constant, 7.0);
       },
       {2, 3},
       7.0},
      {"broadcast_to",
       {1, 3},
       [](T x) {
         return broadcast_to(x, {0, 3});
       },
       {0, 3},
       0.0},
      {"tril", {0, 3}, [](T x) { return tril(x); }, {0, 3}, 0.0},
      {"take",
       {4, 3},
       [](T x) {
         return take(x, zeros({0, 2}, DType::int64));
       },
       {0, 2, 3},
       0.0},
      {"gather",
       {4, 3},
       [](T x) {
         return gather(x, 0, zeros({0, 3}, DType::int64));
       },
       {0, 3},
       0.0},
      {"index_add",
       {0, 3},
       [](T x) { return index_add(x, 0, zeros({0}, DType::int64), x); },
       {0, 3},
       0.0},
      {"conv2d", {0, 3, 8, 8}, [&](T x) { return conv2d(x, kernel); }, {0, 5, 6, 6}, 0.0},
      {"conv_transpose2d",
       {0, 5, 4, 4},
       [&](T x) { return conv_transpose2d(x, kernel); },
       {0, 3, 6, 6},
       0.0},
      {"max_pool2d",
       {0, 3, 8, 8},
       [](T x) { return max_pool2d(x, {.kernel = 2}); },
       {0, 3, 4, 4},
       0.0},
      {"avg_pool2d",
       {0, 3, 8, 8},
       [](T x) { return avg_pool2d(x, {.kernel = 2}); },
       {0, 3, 4, 4},
       0.0},
      {"resize", {0, 3, 8, 8}, [](T x) { return resize(x, 5); }, {0, 3, 5, 5}, 0.0},
      {"unfold", {0, 3, 8, 8}, [](T x) { return unfold(x, {.kernel = 2}); }, {0, 12, 49}, 0.0},
      {"mse", {0, 3}, [](T x) { return nn::mse(x, x, nn::Reduce::sum); }, {}, 0.0},
      {"cross_entropy",
       {0, 3},
       [](T x) {
         return nn::cross_entropy(x, zeros({0}, DType::int64), {.reduce = nn::Reduce::sum});
       },
       {},
       0.0},
      {"nll",
       {0, 3, 2},
       [](T x) {
         return nn::nll(x, zeros({0, 2}, DType::int64), {.reduce = nn::Reduce::none});
       },
       {0, 2},
       0.0},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    const Tensor x = zeros(each.input).set_requires_grad();
    const Tensor y = each.function(x);
    CHECK(y.shape() == each.result);
    for (const float v : y.span<float>()) {
      CHECK((std::isnan(each.value) ? std::isnan(v) : v == static_cast<float>(each.value)));
    }
    const Tensor g = grad({sum(y)}, {x}, {.create_graph = true})[0];
    CHECK(g.shape() == x.shape());
    if (g.requires_grad()) {
      CHECK(grad({sum(g * g)}, {x})[0].shape() == x.shape());
    }
  }
  const Tensor none = zeros({0, 3});
  CHECK(all(none).item() == 1.0);
  CHECK(any(none).item() == 0.0);
  CHECK(one_hot(zeros({0}, DType::int64), 3).shape() == Shape{0, 3});
  const auto refuses = [](const char* name, const std::function<void()>& call) {
    CHECK(error_of(call).starts_with(std::string(name) + ": of no elements"));
  };
  refuses("max", [&] { max(none); });
  refuses("min", [&] { min(none, {.axes = {0}}); });
  refuses("argmax", [&] { argmax(none); });
  refuses("argmin", [&] { argmin(none, 0); });
}

TEST_CASE("reductions and products of very long rows keep their digits") {
  constexpr std::int64_t count = 1'000'003;
  const Tensor x = Rng(3).uniform({count}, 0.5, 1.5);
  long double total = 0.0L;
  long double squares = 0.0L;
  for (const float v : x.span<float>()) {
    total += static_cast<long double>(v);
    squares += static_cast<long double>(v) * static_cast<long double>(v);
  }
  const auto n = static_cast<long double>(count);
  const auto is = [](const Tensor& actual, long double expected) {
    CHECK(actual.item() == doctest::Approx(static_cast<double>(expected)).epsilon(2e-7));
  };
  for (const Shape& shape : {Shape{count}, {1, count}, {count, 1}}) {
    const Tensor seen = x.reshape(shape);
    is(sum(seen), total);
    is(mean(seen), total / n);
    is(var(seen), (squares - total * total / n) / (n - 1.0L));
    is(norm(seen), std::sqrt(squares));
  }
  CHECK(dot(x, x).item() == doctest::Approx(static_cast<double>(squares)).epsilon(1e-5));
}
