#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// What Lion and its groups of parameters are told.
struct LionOptions {
  double learning_rate = 1e-4;  ///< at least 0
  double beta1 = 0.9;           ///< weight of the moment in the step, in [0, 1)
  double beta2 = 0.99;          ///< decay of the moment, in [0, 1)
  double weight_decay = 0.0;    ///< at least 0; see Optimizer on how it acts
  bool decoupled = true;        ///< weight decay past the gradient; see Optimizer
  bool maximize = false;        ///< ascend instead
  bool frozen = false;          ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2):
/// p = p - learning_rate sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g,
/// where sign(0) is 0. Weight decay is decoupled as in the paper, unless told otherwise.
///
/// State: `exp_avg/<parameter>` (m). PyTorch has no Lion.
class Lion : public OptimizerWith<LionOptions> {
 public:
  /// Throws Error for an option out of its range.
  explicit Lion(const Variables& parameters, const LionOptions& options = {},
                const std::vector<Group<LionOptions>>& groups = {});

 protected:
  void update(const Block<float>& block) const override;
  void update(const Block<double>& block) const override;

 private:
  template <class T>
  void descend(Block<T> b) const;
};

}  // namespace mnemo::optim
