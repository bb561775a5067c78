#pragma once
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/softmax.hpp"
#include "mnemo/nn/detail/name.hpp"
#include "mnemo/nn/module.hpp"

/// Activations as modules; the functions, with their formulas, are in core/math.hpp and
/// core/softmax.hpp.
namespace mnemo::nn {

namespace detail {

inline Tensor last_softmax(const Tensor& x) { return softmax(x); }
inline Tensor last_log_softmax(const Tensor& x) { return log_softmax(x); }

/// A function of one tensor as a module.
template <Name name, Tensor (*function)(const Tensor&)>
class Activation : public Layer<Activation<name, function>> {
 public:
  Tensor forward(const Tensor& x) override { return function(x); }
  std::string describe() const override { return name.text; }
};

}  // namespace detail

///@{
/// The function of the same name, as a module without parameters or options.
using ReLU = detail::Activation<"ReLU", relu>;
using SELU = detail::Activation<"SELU", selu>;
using SiLU = detail::Activation<"SiLU", silu>;
using Tanh = detail::Activation<"Tanh", tanh>;
using Sigmoid = detail::Activation<"Sigmoid", sigmoid>;
using Softplus = detail::Activation<"Softplus", softplus>;
///@}
///@{
/// Along the last axis.
using Softmax = detail::Activation<"Softmax", detail::last_softmax>;
using LogSoftmax = detail::Activation<"LogSoftmax", detail::last_log_softmax>;
///@}

/// leaky_relu as a module.
class LeakyReLU : public Layer<LeakyReLU> {
 public:
  /// `slope` is that below 0.
  explicit LeakyReLU(double slope = 0.01) : slope_(slope) {}
  Tensor forward(const Tensor& x) override { return leaky_relu(x, slope_); }
  std::string describe() const override { return mnemo::detail::text("LeakyReLU(", slope_, ")"); }

 private:
  double slope_;
};

/// elu as a module.
class ELU : public Layer<ELU> {
 public:
  /// `alpha` is the limit below 0, with its sign changed.
  explicit ELU(double alpha = 1.0) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override { return elu(x, alpha_); }
  std::string describe() const override { return mnemo::detail::text("ELU(", alpha_, ")"); }

 private:
  double alpha_;
};

/// gelu as a module.
class GELU : public Layer<GELU> {
 public:
  /// Exact, by erf, or Gelu::tanh.
  explicit GELU(Gelu form = Gelu::exact) : form_(form) {}
  Tensor forward(const Tensor& x) override { return gelu(x, form_); }
  std::string describe() const override { return form_ == Gelu::exact ? "GELU" : "GELU(tanh)"; }

 private:
  Gelu form_;
};

/// hardtanh as a module.
class Hardtanh : public Layer<Hardtanh> {
 public:
  /// Throws Error at the first use unless low < high.
  explicit Hardtanh(double low = -1.0, double high = 1.0) : low_(low), high_(high) {}
  Tensor forward(const Tensor& x) override { return hardtanh(x, low_, high_); }
  std::string describe() const override {
    return mnemo::detail::text("Hardtanh(", low_, ", ", high_, ")");
  }

 private:
  double low_;
  double high_;
};

}  // namespace mnemo::nn
