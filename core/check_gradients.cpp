#include "mnemo/core/check_gradients.hpp"

#include <algorithm>
#include <cmath>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"

namespace mnemo {
namespace {

using Numbers = std::vector<Tensor>;
using ToNumber = std::function<Tensor(const Numbers&)>;

// Compares grad(value(inputs), inputs) with central differences and keeps the worst in `result`.
// NaN counts as the worst of all.
void compare(const ToNumber& value, const Numbers& inputs, int order,
             const GradientCheckOptions& options, GradientCheck& result) {
  const Tensor at = value(inputs);
  Numbers analytic(inputs.size());
  if (at.requires_grad()) analytic = grad({at}, inputs, {.allow_unused = true});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (analytic[i].defined() && !(analytic[i].shape() == inputs[i].shape())) {
      detail::fail("check_gradients: the gradient of input ", i, " has shape ", analytic[i].shape(),
                   ", the input ", inputs[i].shape());
    }
    for (std::int64_t j = 0; j < inputs[i].elements(); ++j) {
      const auto moved = [&](double distance) {
        Numbers elsewhere = inputs;
        elsewhere[i] = inputs[i].clone().set_requires_grad();
        elsewhere[i].mutable_data<double>()[j] += distance;
        return value(elsewhere).item();
      };
      const double numeric = (moved(options.step) - moved(-options.step)) / (2.0 * options.step);
      const double found = analytic[i].defined() ? analytic[i].data<double>()[j] : 0.0;
      const double error = std::abs(found - numeric) / std::max(1.0, std::abs(numeric));
      if (error <= result.error) continue;
      result = {false, order, i, j, found, numeric, error};
      if (std::isnan(error)) return;
    }
  }
}

}  // namespace

std::string GradientCheck::text() const {
  return detail::text(passed ? "passed" : "failed", "; the worst is the derivative of order ",
                      order, " by element ", index, " of input ", input, ": analytic ", analytic,
                      ", numeric ", numeric, ", error ", error);
}

GradientCheck check_gradients(const std::function<Tensor(const Numbers&)>& function,
                              const Numbers& inputs, const GradientCheckOptions& options) {
  Numbers leaves;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::float64) {
      detail::fail("check_gradients: input ", i, " is ", inputs[i].dtype(), "; float64 is needed");
    }
    leaves.push_back(inputs[i].clone().set_requires_grad());
  }
  // Weights away from 0 and from each other, so that no element goes unseen.
  Rng rng(20);
  const auto weights_for = [&](const Tensor& like) {
    return rng.uniform(like.shape(), 0.5, 1.5, DType::float64).set_requires_grad();
  };
  Numbers with_weights = leaves;
  with_weights.push_back(weights_for(function(leaves)));
  Numbers directions;
  for (const Tensor& leaf : leaves) directions.push_back(weights_for(leaf));

  const auto first = [&](const Numbers& at) {
    return sum(function(Numbers(at.begin(), at.end() - 1)) * at.back());
  };
  // The directional derivative of `first` along `directions`: a number whose gradients are the
  // second derivatives.
  const auto second = [&](const Numbers& at) {
    const Tensor value = first(at);
    Tensor total = scalar(0.0, DType::float64);
    const Numbers points(at.begin(), at.end() - 1);
    const Numbers slopes = grad({value}, points, {.create_graph = true, .allow_unused = true});
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      if (slopes[i].defined()) total = total + sum(slopes[i] * directions[i].detach());
    }
    return total;
  };
  GradientCheck result;
  result.error = -1.0;
  compare(first, with_weights, 1, options, result);
  if (options.orders >= 2 && !std::isnan(result.error)) {
    compare(second, with_weights, 2, options, result);
  }
  result.passed = result.error <= options.tolerance;
  return result;
}

}  // namespace mnemo
