// The module tree: names, modes, freezing, tying, cloning, exchanging weights, tables.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "errors.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/batch_norm.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/dropout.hpp"
#include "mnemo/nn/norm.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/nn/shape_layers.hpp"
#include "mnemo/nn/spectral_norm.hpp"

using namespace mnemo;

namespace {

struct Net : nn::Layer<Net> {
  nn::Child<nn::Dense> hidden;
  nn::Child<nn::BatchNorm1d> norm;
  nn::Child<nn::Dense> out;
  nn::Parameter scale;
  explicit Net(Rng& rng)
      : hidden(child("hidden", nn::Dense(2, 3, rng))),
        norm(child("norm", nn::BatchNorm1d(3))),
        out(child("out", nn::Dense(3, 1, rng))),
        scale(parameter("scale", full({}, 2.0))) {
    buffer("calls", zeros({}, DType::int64));
  }
  Tensor forward(const Tensor& x) override { return out(relu(norm(hidden(x)))) * scale; }
};

std::vector<std::string> names(const Variables& variables) {
  std::vector<std::string> result;
  for (const Variable& variable : variables) result.push_back(variable.name);
  return result;
}
using Names = std::vector<std::string>;

bool equal(const Tensor& a, const Tensor& b) { return all(a == b).item() == 1.0; }

nn::Sequential example(Rng rng) {
  return nn::Sequential({{"down", nn::Conv2d(1, 2, {.kernel = 2, .stride = 2}, rng)},
                         {"norm", nn::BatchNorm2d(2)},
                         {"leaky", nn::LeakyReLU(0.2)},
                         {"flat", nn::Flatten()},
                         {"drop", nn::Dropout(0.5, rng.split("drop"))},
                         {"out", nn::Dense(8, 3, rng)}});
}

void set(const Tensor& parameter, double value) {
  const NoGrad no_grad;
  parameter.fill(value);
}

}  // namespace

TEST_CASE("names are paths in the order of registration, own before those of children") {
  Rng rng(1);
  const Net net(rng);
  const Names parameters{"scale",     "hidden/weight", "hidden/bias", "norm/weight",
                         "norm/bias", "out/weight",    "out/bias"};
  const Names buffers{"calls", "norm/running_mean", "norm/running_var"};
  CHECK(names(net.parameters()) == parameters);
  CHECK(names(net.buffers()) == buffers);
  CHECK(names(net.variables()) == Names{"scale", "calls", "hidden/weight", "hidden/bias",
                                        "norm/weight", "norm/bias", "norm/running_mean",
                                        "norm/running_var", "out/weight", "out/bias"});
  CHECK(net.parameter_count() == 1 + 9 + 6 + 4);
  CHECK(net.parameters().at("hidden/weight").shares_storage_with(net.hidden->weight));
  CHECK(net.parameters().at("scale").requires_grad());
  CHECK_FALSE(net.buffers().at("norm/running_mean").requires_grad());
  CHECK(&net.at("hidden") == &*net.hidden);
}

TEST_CASE("names that cannot be are refused") {
  struct Bad : nn::Module {
    explicit Bad(const std::string& name) {
      parameter("weight", zeros({1}));
      buffer(name, zeros({1}));
    }
  };
  CHECK(mentions(error_of([] { Bad("weight"); }), {"'weight'", "twice"}));
  CHECK(mentions(error_of([] { Bad("a/b"); }), {"'a/b'", "'/'"}));
  CHECK(mentions(error_of([] { Bad(""); }), {"''"}));
  CHECK(mentions(error_of([] { example(Rng(1)).at("down/none"); }), {"Conv2d", "'none'"}));
  CHECK(mentions(error_of([] {
                   nn::Sequential({{"a", std::shared_ptr<nn::ReLU>()}});
                 }),
                 {"'a'", "null"}));
  struct Empty : nn::Module {};
  CHECK(mentions(error_of([] { Empty()(zeros({1})); }), {"Empty", "forward"}));
}

TEST_CASE("a moved module keeps its children and its tensors") {
  Rng rng(1);
  Net net(rng);
  const Tensor x = rng.normal({4, 2});
  net.eval();
  const Tensor before = net(x);
  Net moved(std::move(net));
  CHECK(equal(moved(x), before));
  CHECK(moved.parameters().at("out/bias").shares_storage_with(moved.out->bias));
  std::vector<nn::Sequential> several;
  for (std::uint64_t i = 0; i < 5; ++i) several.push_back(example(Rng(i)));
  several[0].eval();
  CHECK(several[0](ones({1, 1, 4, 4})).shape() == Shape{1, 3});
}

TEST_CASE("train and eval reach everything below") {
  Rng rng(1);
  Net net(rng);
  CHECK(net.norm->training());
  net.eval();
  CHECK_FALSE(net.training());
  CHECK_FALSE(net.norm->training());
  net.train();
  CHECK(net.norm->training());
}

TEST_CASE("frozen parameters get no gradients, and others still do") {
  Rng rng(1);
  Net net(rng);
  const Tensor x = rng.normal({4, 2});
  net.hidden->freeze();
  CHECK(net.parameters().size() == 7);
  CHECK(names(net.trainable()) ==
        Names{"scale", "norm/weight", "norm/bias", "out/weight", "out/bias"});
  const Variables gradients = grad(sum(net(x)), net.trainable());
  CHECK(gradients.size() == 5);
  CHECK(mentions(net.summary(), {"9 frozen"}));
  CHECK_THROWS_AS(grad(sum(net(x)), net.parameters()), Error);
  net.unfreeze();
  CHECK(grad(sum(net(x)), net.parameters()).size() == 7);
  net.freeze();
  CHECK_FALSE(net(x).requires_grad());
  // Through a frozen model gradients still reach what came before it.
  const Tensor leaf = rng.normal({4, 2}).set_requires_grad();
  CHECK(grad(sum(net(leaf)), {leaf})[0].shape() == Shape{4, 2});
}

TEST_CASE("tied weights have one name, and the gradient of all their uses") {
  Rng rng(3);
  const nn::Dense layer(3, 3, rng);
  const auto shared = std::make_shared<nn::Dense>(3, 3, rng);
  nn::Sequential tied({{"first", layer},
                       {"act", nn::Tanh()},
                       {"second", layer},
                       {"third", shared},
                       {"fourth", shared}});
  const Names expected{"first/weight", "first/bias", "third/weight", "third/bias"};
  CHECK(names(tied.parameters()) == expected);
  CHECK(tied.parameter_count() == 24);
  CHECK(mentions(tied.summary(), {"total", "24"}));
  const Tensor x = rng.normal({2, 3});
  const Variables gradients = grad(sum(tied(x)), tied.parameters());
  CHECK(names(gradients) == expected);

  // One difference quotient along the tied weight.
  const auto moved = [&](float by) {
    const NoGrad no_grad;
    layer.weight.mutable_data<float>()[4] += by;
    const double value = sum(tied(x)).item();
    layer.weight.mutable_data<float>()[4] -= by;
    return value;
  };
  const double slope = (moved(1e-2f) - moved(-1e-2f)) / 2e-2;
  CHECK(gradients.at("first/weight").at({1, 1}) == doctest::Approx(slope).epsilon(1e-3));

  nn::Sequential copy = tied.clone();  // tied likewise, but not with the original
  CHECK(names(copy.parameters()) == expected);
  CHECK_FALSE(copy.parameters().at("first/weight").shares_storage_with(layer.weight));
  CHECK(equal(copy(x), tied(x)));
  set(copy.parameters().at("first/weight"), 0.0);
  CHECK_FALSE(equal(copy(x), tied(x)));
}

TEST_CASE("a clone computes the same and shares nothing") {
  nn::Sequential model = example(Rng(1));
  model.at("out").freeze();
  const Tensor x = Rng(2).normal({5, 1, 4, 4});
  model(x);
  nn::Sequential copy = model.clone();
  CHECK(names(copy.variables()) == names(model.variables()));
  for (const Variable& variable : model.variables()) {
    const std::string& name = variable.name;
    const Tensor& tensor = variable.tensor;
    CAPTURE(name);
    const Tensor own = copy.variables().at(name);
    CHECK(equal(own, tensor));
    CHECK_FALSE(own.shares_storage_with(tensor));
    CHECK(own.requires_grad() == tensor.requires_grad());
  }
  CHECK(equal(copy(x),
              model(x)));  // both in training: the same elements dropped, the same statistics
  CHECK(equal(copy.buffers().at("norm/running_var"), model.buffers().at("norm/running_var")));
  CHECK(equal(copy.buffers().at("drop/rng_state"), model.buffers().at("drop/rng_state")));
  CHECK(copy.summary() == model.summary());
  model(x);
  CHECK_FALSE(equal(copy.buffers().at("norm/running_var"), model.buffers().at("norm/running_var")));

  Rng rng(3);
  nn::SpectralNorm layer(nn::Dense(3, 2, rng), rng);
  nn::SpectralNorm<nn::Dense> twin = layer.clone();
  CHECK(equal(twin(ones({1, 3})), layer(ones({1, 3}))));
  CHECK(equal(twin.weight_u, layer.weight_u));
  CHECK_FALSE(twin.weight_u.shares_storage_with(layer.weight_u));
  const nn::Module& base = layer;
  CHECK(names(base.clone()->variables()) == Names{"weight", "bias", "weight_u", "weight_v"});
}

TEST_CASE("a user's model is cloned, its members with it") {
  Rng rng(1);
  struct Stack
      : nn::Layer<Stack> {  // children in a container, one of them twice, and a model in a model
    std::vector<nn::Child<Net>> nets;
    nn::Child<nn::Dense> first, again;
    nn::Buffer calls;
    explicit Stack(Rng& r)
        : first(child("first", std::make_shared<nn::Dense>(2, 2, r))),
          again(child("again", std::shared_ptr<nn::Dense>(children()[0].module, &*first))),
          calls(buffer("calls", zeros({}))) {
      for (const char* name : {"a", "b"}) nets.push_back(child(name, Net(r)));
    }
    Tensor forward(const Tensor& x) override {
      calls.assign(calls + 1.0);
      return nets[0](again(first(x))) + nets[1](x);
    }
  };
  Stack stack(rng);
  stack.nets[1]->hidden->freeze();
  const Tensor x = rng.normal({4, 2});
  stack(x);
  Stack copy = stack.clone();
  CHECK(copy.summary() == stack.summary());
  CHECK(names(copy.variables()) == names(stack.variables()));
  for (const auto& [name, tensor] : stack.variables()) {
    CHECK_FALSE(copy.variables().at(name).shares_storage_with(tensor));
    CHECK(copy.variables().at(name).requires_grad() == tensor.requires_grad());
  }
  CHECK(copy.calls.shares_storage_with(copy.buffers().at("calls")));
  CHECK(&*copy.nets[1] == &copy.at("b"));
  CHECK(&*copy.first == &*copy.again);
  CHECK(copy.nets[0]->scale.shares_storage_with(copy.parameters().at("a/scale")));
  CHECK(copy.nets[0]->hidden->weight.shares_storage_with(copy.parameters().at("a/hidden/weight")));
  CHECK(equal(copy(x), stack(x)));
  CHECK(copy.calls.item() == 2.0);
  set(copy.nets[0]->scale, 0.0);
  CHECK_FALSE(equal(copy(x), stack(x)));
  CHECK(stack.calls.item() == 3.0);
  const Variables gradients = grad(sum(copy(x)), copy.trainable());
  CHECK(gradients.size() == 2 + 7 + 5);
  Net copied = stack.nets[1];  // a plain copy ties
  CHECK(copied.parameters().at("out/bias").shares_storage_with(stack.nets[1]->out->bias));
}

TEST_CASE("a model that a clone would share something with is not cloned") {
  Rng rng(1);
  struct Plain : nn::Module {
    nn::Dense& hidden;
    explicit Plain(Rng& r) : hidden(child("hidden", nn::Dense(2, 3, r))) {}
  };
  const Plain plain(rng);
  CHECK(mentions(error_of([&] { plain.clone(); }),
                 {"Plain: cannot be cloned", "nn::Layer<Plain>", "copy_from"}));
  const nn::Sequential around({{"dense", nn::Dense(1, 1, rng)}, {"plain", Plain(rng)}});
  CHECK(mentions(error_of([&] { around.clone(); }), {"Plain: cannot be cloned"}));
  struct HoldsTensor : nn::Layer<HoldsTensor> {
    Tensor scale = parameter("scale", ones({1}));
  };
  struct HoldsChild : nn::Layer<HoldsChild> {
    std::shared_ptr<nn::ReLU> relu = std::make_shared<nn::ReLU>();
    HoldsChild() { child("relu", relu); }
  };
  CHECK(mentions(error_of([] { HoldsTensor().clone(); }),
                 {"HoldsTensor", "'scale'", "nn::Parameter"}));
  CHECK(mentions(error_of([] { HoldsChild().clone(); }), {"HoldsChild", "'relu'", "nn::Child"}));
}

TEST_CASE("weights are exchanged by name, all or none") {
  nn::Sequential a = example(Rng(1)), b = example(Rng(2));
  CHECK_FALSE(equal(a.parameters().at("out/weight"), b.parameters().at("out/weight")));
  b.copy_from(a);
  for (const auto& [name, tensor] : a.variables()) CHECK(equal(b.variables().at(name), tensor));
  set(b.parameters().at("out/bias"), 3.0);
  CHECK_FALSE(equal(a.parameters().at("out/bias"), b.parameters().at("out/bias")));

  nn::Sequential c = example(Rng(3));
  nn::Module::copy_values(a.variables().select("down/*"), c.variables().select("down/*"));
  CHECK(equal(a.parameters().at("down/weight"), c.parameters().at("down/weight")));
  CHECK_FALSE(equal(a.parameters().at("out/weight"), c.parameters().at("out/weight")));

  Rng rng(4);
  nn::Sequential other(
      {{"down", nn::Conv2d(1, 2, {.kernel = 3}, rng)}, {"more", nn::Dense(1, 1, rng)}});
  const Tensor bias = other.parameters().at("down/bias").clone();
  const std::string error = error_of([&] { other.copy_from(a); });
  CHECK(mentions(error, {"down/weight: [2, 1, 3, 3]", "[2, 1, 2, 2]",
                         "more/bias: not in the source", "out/weight: only in the source"}));
  CHECK(equal(other.parameters().at("down/bias"), bias));
}

TEST_CASE("the summary shows the output of each module and changes nothing") {
  nn::Sequential model = example(Rng(1));
  const std::string before = model.summary();
  const Tensor mean_before = model.buffers().at("norm/running_mean").clone();
  const std::string table = model.summary({7, 1, 4, 4});
  CHECK(mentions(table, {"Conv2d(1 -> 2, kernel 2, stride 2)", "[7, 2, 2, 2]", "[7, 8]", "[7, 3]",
                         "Dense(8 -> 3)", "6 parameter tensors, 3 buffers"}));
  CHECK(table.find(std::to_string(8 + 2 + 4 + 24 + 3)) != std::string::npos);
  CHECK(model.training());
  CHECK(equal(model.buffers().at("norm/running_mean"), mean_before));
  CHECK(model.summary() == before);
  CHECK_THROWS_AS(model.summary({7, 3, 4, 4}), Error);
  CHECK(model.training());
  CHECK(model.at("norm").training());
}

TEST_CASE("a sequence can grow") {
  Rng rng(1);
  nn::Sequential net;
  for (std::int64_t i = 0; i < 3; ++i) {
    net.append({"dense" + std::to_string(i), nn::Dense(2 + i, 3 + i, rng)});
    net.append({"act" + std::to_string(i), nn::Tanh()});
  }
  CHECK(net(ones({1, 2})).shape() == Shape{1, 5});
  CHECK(net.parameters().contains("dense2/weight"));
  CHECK(mentions(error_of([&] { net.append({"act0", nn::ReLU()}); }), {"'act0'", "twice"}));
}

TEST_CASE("residual blocks") {
  Rng rng(1);
  nn::Residual block(nn::Dense(3, 3, rng));
  const Tensor x = rng.normal({2, 3});
  CHECK(equal(block(x), x + block.at("body")(x)));
  CHECK(names(block.parameters()) == Names{"body/weight", "body/bias"});
  nn::Residual projected(nn::Dense(3, 4, rng), nn::Dense(3, 4, rng, {.bias = false}));
  CHECK(names(projected.parameters()) == Names{"body/weight", "body/bias", "shortcut/weight"});
  nn::Residual copy = projected.clone();
  CHECK(equal(copy(x), projected(x)));
  CHECK(mentions(error_of([&] { nn::Residual(nn::Dense(3, 4, rng))(x); }),
                 {"Residual", "[2, 4]", "[2, 3]"}));
  nn::Residual nested(nn::Sequential({{"inner", nn::Residual(nn::Dense(3, 3, rng))}}));
  CHECK(names(nested.parameters()) == Names{"body/inner/body/weight", "body/inner/body/bias"});
}
