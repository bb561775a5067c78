#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

/// What Adam and its groups of parameters are told.
struct AdamOptions {
  double learning_rate = 1e-3;  ///< at least 0
  double beta1 = 0.9;           ///< decay of the first moment, in [0, 1)
  double beta2 = 0.999;         ///< decay of the second moment, in [0, 1)
  double epsilon = 1e-8;        ///< added to the root of the corrected second moment
  bool amsgrad = false;         ///< divide by the largest second moment so far
  double weight_decay = 0.0;    ///< at least 0; see Optimizer on how it acts
  bool decoupled = false;       ///< weight decay past the gradient; see Optimizer
  bool maximize = false;        ///< ascend instead
  bool frozen = false;          ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// Adam (Kingma and Ba 2015, algorithm 1), epsilon placed as there and in PyTorch:
/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²;
/// p = p - learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
/// AMSGrad (Reddi, Kale and Kumar 2018): w = max(w, v), and w in the place of v in the last line. As in
/// PyTorch the maximum is that of v without its correction; the paper has no corrections at all.
///
/// State: `beta1`, `beta2` (float64, `beta1/<group>` for each group: what a checkpoint holds takes the
/// place of the options), `exp_avg/<parameter>` (m), `exp_avg_sq/<parameter>` (v), and with AMSGrad
/// `max_exp_avg_sq/<parameter>` (w).
class Adam : public OptimizerWith<AdamOptions> {
 public:
  /// Throws Error for an option out of its range.
  explicit Adam(const Variables& parameters, const AdamOptions& options = {},
                const std::vector<Group<AdamOptions>>& groups = {});

 protected:
  /// For an optimizer that is Adam under another name in messages.
  Adam(const char* kind, const Variables& parameters, const AdamOptions& options,
       const std::vector<Group<AdamOptions>>& groups);
  void update(const Block<float>& block) const override;
  void update(const Block<double>& block) const override;

 private:
  template <class T>
  void descend(Block<T> b) const;
};

/// What AdamW and its groups of parameters are told: AdamOptions, decoupled.
struct AdamWOptions {
  double learning_rate = 1e-3;  ///< at least 0
  double beta1 = 0.9;           ///< decay of the first moment, in [0, 1)
  double beta2 = 0.999;         ///< decay of the second moment, in [0, 1)
  double epsilon = 1e-8;        ///< added to the root of the corrected second moment
  bool amsgrad = false;         ///< divide by the largest second moment so far
  double weight_decay = 1e-2;   ///< at least 0
  bool maximize = false;        ///< ascend instead
  bool frozen = false;          ///< leave these parameters as they are
  MissingGradient missing_gradient = MissingGradient::error;  ///< of a parameter that is not frozen
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), scaled by the learning rate as in
/// PyTorch: p = (1 - learning_rate weight_decay) p before Adam's step. The same as Adam with
/// `decoupled`, but for the default of `weight_decay`.
class AdamW : public Adam {
 public:
  /// Throws Error for an option out of its range.
  explicit AdamW(const Variables& parameters, const AdamWOptions& options = {},
                 const std::vector<Group<AdamWOptions>>& groups = {});
};

}  // namespace mnemo::optim
