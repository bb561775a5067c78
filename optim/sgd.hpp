#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// What Sgd and its groups of parameters are told.
struct SgdOptions {
  double learning_rate = 1e-2;  ///< at least 0
  double momentum = 0.0;        ///< in [0, 1)
  double dampening = 0.0;  ///< the part of each gradient that stays out of the momentum, in [0, 1)
  bool nesterov = false;   ///< needs momentum, without dampening
  double weight_decay = 0.0;  ///< at least 0; see Optimizer on how it acts
  bool decoupled = false;     ///< weight decay past the gradient; see Optimizer
  bool maximize = false;      ///< ascend instead
  bool frozen = false;        ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// Stochastic gradient descent, with momentum (Sutskever et al. 2013) as PyTorch writes it:
/// m = momentum m + (1 - dampening) g;  p = p - learning_rate m. The first update is not dampened.
/// Nesterov: p = p - learning_rate (g + momentum m). Without momentum: p = p - learning_rate g.
///
/// State with momentum: `momentum_buffer/<parameter>`.
/// Unlike PyTorch, which makes the buffer at the first step, it is there from the start, as zeros; what
/// is put in before the first step counts.
class Sgd : public OptimizerWith<SgdOptions> {
 public:
  /// Throws Error for an option out of its range, for Nesterov without momentum or with dampening.
  explicit Sgd(const Variables& parameters, const SgdOptions& options = {},
               const std::vector<Group<SgdOptions>>& groups = {});

 protected:
  void update(const Block<float>& block) const override;
  void update(const Block<double>& block) const override;

 private:
  template <class T>
  void descend(Block<T> b) const;
};

}  // namespace mnemo::optim
