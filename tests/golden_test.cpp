// Values from independent implementations: layers and losses by NumPy definitions.
#include <set>

#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/conv.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/nn/batch_norm.hpp"
#include "mnemo/nn/losses.hpp"

using namespace mnemo;

namespace {

/// The first parts of the names in `file`: its cases.
std::set<std::string> cases(const Variables& file) {
  std::set<std::string> found;
  for (const Variable& variable : file)
    found.insert(variable.name.substr(0, variable.name.find('/')));
  return found;
}

/// One case of a file: inputs to differentiate against, and what is expected.
struct Case {
  const Variables& file;
  std::string name;
  DType dtype;
  double tolerance;

  Tensor input(const std::string& what) const {
    return golden::get(file, name + "/" + what, dtype).set_requires_grad();
  }
  Tensor value(const std::string& what) const {
    return golden::get(file, name + "/" + what, dtype);
  }
  Pair pair(const std::string& what) const {
    const Tensor& tensor = file.at(name + "/" + what);
    return {tensor.data<std::int64_t>()[0], tensor.data<std::int64_t>()[1]};
  }
  void expect(const std::string& what, const Tensor& actual) const {
    CHECK(actual.dtype() == dtype);
    golden::expect_close(name + ": " + what, actual, file.at(name + "/expected/" + what),
                         tolerance);
  }
  /// Checks the result and the gradients of sum(upstream * y) by x, weight and bias.
  void expect_layer(const Tensor& y, const Tensor& x, const Tensor& weight,
                    const Tensor& bias) const {
    expect("y", y);
    const auto gradients = grad({y}, {x, weight, bias}, {.grad_outputs = {value("upstream")}});
    expect("x_gradient", gradients[0]);
    expect("weight_gradient", gradients[1]);
    expect("bias_gradient", gradients[2]);
  }
};

constexpr DType both[] = {DType::float64, DType::float32};

}  // namespace

TEST_CASE("conv2d and its gradients agree with plain loops in NumPy") {
  const Variables file = golden::read("conv2d");
  REQUIRE(cases(file).size() == 8);
  for (const std::string& name : cases(file)) {
    for (DType dtype : both) {
      const Case c{file, name, dtype, golden::tolerance(dtype, 1e-12, 2e-6)};
      const Tensor x = c.input("x"), weight = c.input("weight"), bias = c.input("bias");
      const auto groups = static_cast<std::int64_t>(file.at(name + "/groups").item());
      c.expect_layer(conv2d(x, weight, bias,
                            {.stride = c.pair("stride"),
                             .padding = c.pair("padding"),
                             .dilation = c.pair("dilation"),
                             .groups = groups}),
                     x, weight, bias);
    }
  }
}

TEST_CASE("conv_transpose2d and its gradients agree with plain loops in NumPy") {
  const Variables file = golden::read("conv_transpose2d");
  REQUIRE(cases(file).size() == 5);
  for (const std::string& name : cases(file)) {
    for (DType dtype : both) {
      const Case c{file, name, dtype, golden::tolerance(dtype, 1e-12, 2e-6)};
      const Tensor x = c.input("x"), weight = c.input("weight"), bias = c.input("bias");
      c.expect_layer(conv_transpose2d(x, weight, bias,
                                      {.stride = c.pair("stride"),
                                       .padding = c.pair("padding"),
                                       .output_padding = c.pair("output_padding")}),
                     x, weight, bias);
    }
  }
}

TEST_CASE("BatchNorm2d, its gradients and running statistics agree with NumPy") {
  const Variables file = golden::read("batch_norm");
  REQUIRE(cases(file).size() == 3);
  for (const std::string& name : cases(file)) {
    for (DType dtype : both) {
      // Far from zero the float32 inputs themselves are known to 1e-5 of their deviation only.
      const double single = name == "far_from_zero" ? 5e-5 : 5e-6;
      const Case c{file, name, dtype, golden::tolerance(dtype, 1e-11, single)};
      nn::BatchNorm2d layer(c.file.at(name + "/weight").elements(),
                            {.epsilon = file.at(name + "/epsilon").item(),
                             .momentum = file.at(name + "/momentum").item(),
                             .dtype = dtype});
      {
        const NoGrad quiet;
        layer.weight.assign(c.value("weight"));
        layer.bias.assign(c.value("bias"));
      }
      const Tensor x = c.input("x");
      layer(c.value("first_x"));
      c.expect_layer(layer(x), x, layer.weight, layer.bias);
      c.expect("running_mean", layer.running_mean);
      c.expect("running_var", layer.running_var);
      layer.eval();
      c.expect("eval_y", layer(x));
    }
  }
}

TEST_CASE("losses and their gradients agree with NumPy, also for extreme logits") {
  const Variables file = golden::read("losses");
  for (const char* name : {"moderate", "extreme"}) {
    for (DType dtype : both) {
      const double tolerance = golden::tolerance(dtype, 1e-14, 1e-6);
      const Case ce{file, std::string("softmax_cross_entropy/") + name, dtype, tolerance};
      Tensor logits = ce.input("logits");
      Tensor loss = nn::cross_entropy(logits, file.at(ce.name + "/labels"));
      ce.expect("loss", loss);
      ce.expect("logits_gradient", grad(loss, {logits})[0]);

      const Case bce{file, std::string("bce_with_logits/") + name, dtype, tolerance};
      logits = bce.input("logits");
      loss = nn::bce_with_logits(logits, bce.value("targets"));
      bce.expect("loss", loss);
      bce.expect("logits_gradient", grad(loss, {logits})[0]);
    }
  }
}
