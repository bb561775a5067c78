#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// What check_gradients compares, and how closely.
struct GradientCheckOptions {
  int orders = 2;           ///< 1: first derivatives; 2: also those of the first derivatives
  double step = 1e-6;       ///< of the central differences
  double tolerance = 1e-6;  ///< largest |analytic - numeric| / max(1, |numeric|) that passes
};

/// What check_gradients found: the element with the largest error.
struct GradientCheck {
  bool passed = false;     ///< whether `error` is within the tolerance everywhere
  int order = 0;           ///< of the derivative where it is
  std::size_t input = 0;   ///< which input
  std::int64_t index = 0;  ///< which element of it, in row-major order
  double analytic = 0.0;   ///< what `grad` says
  double numeric = 0.0;    ///< what the central difference says
  double error = 0.0;      ///< |analytic - numeric| / max(1, |numeric|)
  /// The same in a line: whether it passed, where the worst element is, and both numbers.
  std::string text() const;
};

/// Compares the derivatives of `function` at `inputs` with central differences. The result of the
/// function, of any shape, is joined to one number with fixed weights; for the second order its
/// gradients are joined likewise and differentiated by the inputs and by the weights. The inputs are
/// copied; the function is called some 4 times for each of their elements and must give the same
/// result for the same input. Throws Error for inputs that are not float64: float32 has too few
/// digits to tell a wrong derivative from rounding.
GradientCheck check_gradients(const std::function<Tensor(const std::vector<Tensor>&)>& function,
                              const std::vector<Tensor>& inputs,
                              const GradientCheckOptions& options = {});

}  // namespace mnemo
