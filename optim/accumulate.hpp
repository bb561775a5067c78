#pragma once
#include <cstdint>

#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// Adds up the gradients of micro-batches until a step is taken with their mean:
///
///     accumulator.add(grad(loss, parameters));
///     if (accumulator.count() == 4) optimizer.step(accumulator.take());
///
/// State: `count` (int64) and `weight` (float64), the number and the total weight of what was added,
/// and `sum/<parameter>`; so a run that is stopped between two micro-batches goes on with the next.
class GradientAccumulator {
 public:
  /// With `MissingGradient::skip` a gradient that is missing counts as zero. Throws Error for no
  /// parameters, or for one that is neither float32 nor float64.
  explicit GradientAccumulator(const Variables& parameters,
                               MissingGradient missing_gradient = MissingGradient::error);

  /// sum = sum + weight gradient, by name. With the sizes of the micro-batches as weights, of losses
  /// that are means, the mean is that of the whole batch also where they differ.
  /// Throws Error, and changes nothing, where the gradient of a parameter that is not frozen is
  /// missing, where one belongs to no parameter, where shape or dtype differ, or unless 0 < weight.
  void add(const Variables& gradients, double weight = 1.0);

  /// How many times gradients have been added since the last `take`.
  std::int64_t count() const { return *count_.data<std::int64_t>(); }

  /// The sums over the total weight, for the parameters that are not frozen, and begins anew. Throws
  /// Error if nothing has been added.
  Variables take();

  /// `count`, `weight` and the sums, as above.
  Variables variables() const;

 private:
  MissingGradient missing_;
  Variables parameters_;
  Variables sums_;
  Tensor count_;
  Tensor weight_;
};

}  // namespace mnemo::optim
