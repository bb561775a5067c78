#include "mnemo/core/grad.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "errors.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/conv.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/softmax.hpp"

using namespace mnemo;

namespace {

Tensor variable(double value) { return scalar(value, DType::float64).set_requires_grad(); }

}  // namespace

TEST_CASE("derivatives of any order") {
  const Tensor x = variable(0.3);
  // d^k/dx^k of sin, k = 1..6
  Tensor y = sin(x);
  const double expected[] = {std::cos(0.3), -std::sin(0.3), -std::cos(0.3),
                             std::sin(0.3), std::cos(0.3),  -std::sin(0.3)};
  for (const double value : expected) {
    y = grad(y, {x}, {.create_graph = true})[0];
    CHECK(y.item() == doctest::Approx(value).epsilon(1e-14));
  }
  // tanh''' = -2 (1 - t²)(1 - 3 t²)
  Tensor z = tanh(x);
  for (int k = 0; k < 3; ++k) z = grad(z, {x}, {.create_graph = true})[0];
  const double t = std::tanh(0.3);
  CHECK(z.item() == doctest::Approx(-2 * (1 - t * t) * (1 - 3 * t * t)).epsilon(1e-14));
}

TEST_CASE("a value used several times collects all its gradients") {
  const Tensor x = variable(2.0);
  const Tensor y = x * x;
  CHECK(grad(y * y + y + x, {x})[0].item() == doctest::Approx(4 * 8 + 2 * 2 + 1));
  CHECK(grad(std::vector<Tensor>{y, x * 3.0}, {x})[0].item() == doctest::Approx(7));
  // the same input twice, and an intermediate value as input
  const auto gradients = grad(y * y, {x, y, x});
  CHECK(gradients[0].item() == gradients[2].item());
  CHECK(gradients[1].item() == 8.0);
}

TEST_CASE("only the part that leads to the inputs is computed") {
  const Tensor x = variable(2.0);
  const Tensor other = variable(3.0);
  const Tensor side = record(
      "never_differentiated", other.clone(), {},
      [](Pullback&) { throw Error("this rule was not asked for"); }, other);
  CHECK(grad(x * side, {x})[0].item() == 3.0);
  CHECK_THROWS_AS(grad(x * side, {other}), Error);
}

TEST_CASE("gradients have the shapes of their inputs, also after broadcasting") {
  const Tensor a = Rng(1).normal({4, 1, 3}).set_requires_grad();
  const Tensor b = Rng(2).normal({2, 1}).set_requires_grad();
  const auto gradients = grad(sum(a * b), {a, b});
  CHECK(gradients[0].shape() == a.shape());
  CHECK(gradients[1].shape() == b.shape());
}

TEST_CASE("named inputs give named gradients") {
  const Tensor x = variable(2.0);
  const Tensor w = variable(5.0);
  const Tensor unused = variable(1.0);
  const Variables parameters{{"layer/x", x}, {"w", w}};
  const Variables gradients = grad(x * w, parameters);
  CHECK(gradients.at("layer/x").item() == 5.0);
  CHECK(gradients.at("w").item() == 2.0);
  const Variables more{{"x", x}, {"unused", unused}};
  CHECK(error_of([&] { grad(x * w, more); }).find("'unused'") != std::string::npos);
  CHECK(grad(x * w, more, {.allow_unused = true}).size() == 1);
}

TEST_CASE("what cannot be differentiated is an error") {
  const Tensor x = ones({3}).set_requires_grad();
  CHECK(error_of([&] { grad(x * 2.0, {x}); }).find("grad_outputs") != std::string::npos);
  CHECK(error_of([&] { grad(sum(ones({3})), {x}); }).find("not recorded") != std::string::npos);
  CHECK(error_of([&] { grad(sum(x), {ones({3})}); }).find("does not require") != std::string::npos);
  CHECK_THROWS_AS(grad(x * 2.0, {x}, {.grad_outputs = {ones({4})}}), Error);
  CHECK_THROWS_AS(grad(x * 2.0, {x}, {.grad_outputs = {ones({3}), ones({3})}}), Error);
  CHECK_THROWS_AS(zeros({3}, DType::int64).set_requires_grad(), Error);
  CHECK_THROWS_AS((x * 2.0).set_requires_grad(false), Error);
}

TEST_CASE("no recording under NoGrad, behind detach, or without variables") {
  const Tensor x = variable(2.0);
  {
    const NoGrad no_grad;
    CHECK_FALSE((x * x).requires_grad());
    CHECK_FALSE(recording());
  }
  CHECK(recording());
  CHECK_FALSE((detach(x) * 2.0).requires_grad());
  CHECK(grad(x * detach(x), {x})[0].item() == 2.0);
  CHECK_FALSE(grad(x * x, {x})[0].requires_grad());
  CHECK(grad(x * x, {x}, {.create_graph = true})[0].requires_grad());
}

TEST_CASE("a derivative refuses values that were written in place since") {
  const Tensor x = Rng(1).normal({3}).set_requires_grad();
  const Tensor y = x * x;
  const Tensor alias = x.detach().reshape({3, 1});
  alias.mutable_data<float>()[0] = 5.0f;
  const std::string message = error_of([&] { grad(sum(y), {x}); });
  CHECK(message.find("mul") != std::string::npos);
  CHECK(message.find("in place") != std::string::npos);
  const Tensor z = exp(x);
  z.detach().fill(0.0);
  CHECK(error_of([&] { grad(sum(z), {x}); }).find("exp") != std::string::npos);
  // An operation that does not read its input does not mind.
  const Tensor w = x + 1.0;
  {
    const NoGrad no_grad;
    x.fill(0.0);
  }
  CHECK(grad(sum(w), {x})[0].at({0}) == 1.0);
}

TEST_CASE("a chain of a million operations differentiates and frees without recursion") {
  const Tensor x = variable(1.0);
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y * 1.000001;
  CHECK(grad(y, {x})[0].item() == doctest::Approx(std::exp(1.0)).epsilon(1e-5));
  y = Tensor();
  // and where each node keeps its own result
  Tensor z = x;
  for (int i = 0; i < 200'000; ++i) z = tanh(z);
  CHECK(grad(z, {x})[0].item() > 0.0);
}

TEST_CASE("a graph lives as long as the tensors that need it") {
  const auto before = memory::statistics().in_use;
  {
    const Tensor x = Rng(1).normal({1000}).set_requires_grad();
    Tensor y = exp(tanh(x));
    const auto gradients = grad(sum(y), {x}, {.create_graph = true});
    y = sum(gradients[0] * gradients[0]);
    grad(y, {x});
  }
  CHECK(memory::statistics().in_use == before);
}

TEST_CASE("the caller's tensors are left alone") {
  const Tensor x = ones({3}).set_requires_grad();
  const Tensor seed = ones({3});
  const Tensor y = x + x;  // both sides hand the seed on unchanged
  CHECK(grad(y, {x}, {.grad_outputs = {seed}})[0].at({0}) == 2.0);
  CHECK(seed.at({0}) == 1.0);
}

TEST_CASE("results are the same bits for any number of threads") {
  const Tensor x = Rng(5).normal({300, 700}).set_requires_grad();
  const Tensor b = Rng(6).normal({700}).set_requires_grad();
  const Tensor images = Rng(7).uniform({64, 1, 28, 28});
  const Tensor filters = Rng(8).normal({32, 1, 3, 3}).set_requires_grad();
  const Tensor wide = Rng(9).normal({64, 32, 3, 3}, 0.0, 0.05).set_requires_grad();
  const Tensor dense = Rng(10).normal({3136, 10}, 0.0, 0.01).set_requires_grad();
  const Tensor large = Rng(11).normal({3000, 700});
  const auto run = [&] {
    const Tensor loss = mean(tanh(x * b + 0.5) * sigmoid(x));
    auto gradients = grad(loss, {x, b});
    gradients.push_back(loss);
    // A small network's layers, rows, and sums that are cut in every way.
    const Tensor maps =
        max_pool2d(relu(conv2d(images, filters, {}, {.padding = 1})), {.kernel = 2});
    const Tensor more = max_pool2d(relu(conv2d(maps, wide, {}, {.padding = 1})), {.kernel = 2});
    const Tensor logits = matmul(more.reshape({64, -1}), dense);
    for (const Tensor& g :
         grad(sum(log_softmax(logits) * softmax(logits)), {filters, wide, dense})) {
      gradients.push_back(g);
    }
    gradients.push_back(sum(large));
    gradients.push_back(sum(large, {.axes = {0}}));
    gradients.push_back(sum(large, {.axes = {1}}));
    gradients.push_back(sum(large.reshape({3, 700000}), {.axes = {1}}));
    return gradients;
  };
  const int usual = threads();
  set_threads(1);
  const auto reference = run();
  for (const int count : {2, 3, 8}) {
    set_threads(count);
    const auto again = run();
    for (std::size_t i = 0; i < reference.size(); ++i) {
      CHECK(std::ranges::equal(reference[i].span<float>(), again[i].span<float>()));
    }
  }
  set_threads(usual);
  CHECK_THROWS_AS(set_threads(0), Error);
}
