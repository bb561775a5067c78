#pragma once
#include <algorithm>
#include <cstddef>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/softmax.hpp"
#include "mnemo/nn/module.hpp"

/// Activations as modules; the functions, with their formulas, are in core/math.hpp and
/// core/softmax.hpp.
namespace mnemo::nn {

namespace detail {

template <std::size_t size>
struct Name {
  consteval Name(const char (&literal)[size]) { std::copy_n(literal, size, text); }  // NOLINT
  char text[size] = {};
};

/// A function of one tensor as a module.
template <Name name, Tensor (*function)(const Tensor&)>
class Activation : public Layer<Activation<name, function>> {
 public:
  Tensor forward(const Tensor& x) override { return function(x); }
  std::string describe() const override { return name.text; }
};

/// The same with one number.
template <Name name, Tensor (*function)(const Tensor&, double), int default_percent>
class ActivationOf : public Layer<ActivationOf<name, function, default_percent>> {
 public:
  explicit ActivationOf(double parameter = default_percent / 100.0) : parameter_(parameter) {}
  Tensor forward(const Tensor& x) override { return function(x, parameter_); }
  std::string describe() const override {
    return mnemo::detail::text(name.text, "(", parameter_, ")");
  }

 private:
  double parameter_;
};

}  // namespace detail

using ReLU = detail::Activation<"ReLU", relu>;
using Tanh = detail::Activation<"Tanh", tanh>;
using Sigmoid = detail::Activation<"Sigmoid", sigmoid>;
using Softplus = detail::Activation<"Softplus", softplus>;
using LeakyReLU = detail::ActivationOf<"LeakyReLU", leaky_relu, 1>;  ///< of slope 0.01
/// Along the last axis.
using Softmax = detail::Activation<"Softmax", softmax>;
using LogSoftmax = detail::Activation<"LogSoftmax", log_softmax>;

}  // namespace mnemo::nn
