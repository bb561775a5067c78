#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// What RmsProp and its groups of parameters are told.
struct RmsPropOptions {
  double learning_rate = 1e-2;  ///< at least 0
  double alpha = 0.99;          ///< decay of the averages, in [0, 1)
  double epsilon = 1e-8;        ///< added to the root
  double momentum = 0.0;        ///< in [0, 1)
  bool centered = false;        ///< divide by the deviation, not by the root mean square
  double weight_decay = 0.0;    ///< at least 0; see Optimizer on how it acts
  bool decoupled = false;       ///< weight decay past the gradient; see Optimizer
  bool maximize = false;        ///< ascend instead
  bool frozen = false;          ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// RMSprop (Tieleman and Hinton 2012, lecture 6.5e of "Neural networks for machine learning"; centered
/// and with momentum as Graves 2013, section 4.2), epsilon outside of the root as in PyTorch and in
/// Hinton's lecture, where Graves has it inside:
/// v = alpha v + (1 - alpha) g²;  p = p - learning_rate g / (sqrt(v) + epsilon).
/// Centered: a = alpha a + (1 - alpha) g, and v - a² in the place of v under the root.
/// With momentum: m = momentum m + g / (sqrt(v) + epsilon);  p = p - learning_rate m.
///
/// State: `square_avg/<parameter>` (v); centered `grad_avg/<parameter>` (a); with momentum
/// `momentum_buffer/<parameter>` (m). Unlike PyTorch, which gives NaN there, v - a² counts as 0 where
/// rounding makes it negative.
class RmsProp : public OptimizerWith<RmsPropOptions> {
 public:
  /// Throws Error for an option out of its range.
  explicit RmsProp(const Variables& parameters, const RmsPropOptions& options = {},
                   const std::vector<Group<RmsPropOptions>>& groups = {});

 protected:
  void update(const Block<float>& block) const override;
  void update(const Block<double>& block) const override;

 private:
  template <class T>
  void descend(Block<T> b) const;
};

}  // namespace mnemo::optim
