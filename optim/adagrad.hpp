#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// What Adagrad and its groups of parameters are told.
struct AdagradOptions {
  double learning_rate = 1e-2;       ///< at least 0
  double learning_rate_decay = 0.0;  ///< at least 0
  double initial_accumulator = 0.0;  ///< what every element of `sum` begins with, at least 0
  double epsilon = 1e-10;            ///< added to the root
  double weight_decay = 0.0;         ///< at least 0; see Optimizer on how it acts
  bool decoupled = false;            ///< weight decay past the gradient; see Optimizer
  bool maximize = false;             ///< ascend instead
  bool frozen = false;               ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// Adagrad (Duchi, Hazan and Singer 2011, diagonal form), with epsilon outside of the root and the
/// decay of the rate as in PyTorch:
/// s = s + g²;  p = p - learning_rate / (1 + (t - 1) learning_rate_decay) g / (sqrt(s) + epsilon).
///
/// State: `sum/<parameter>` (s).
class Adagrad : public OptimizerWith<AdagradOptions> {
 public:
  /// Throws Error for an option out of its range.
  explicit Adagrad(const Variables& parameters, const AdagradOptions& options = {},
                   const std::vector<Group<AdagradOptions>>& groups = {});

 protected:
  void update(const Block<float>& block) const override;
  void update(const Block<double>& block) const override;

 private:
  template <class T>
  void descend(Block<T> b) const;
};

}  // namespace mnemo::optim
