#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;     ///< decay of the first moment, in [0, 1)
  double beta2 = 0.999;   ///< decay of the second moment, in [0, 1)
  double epsilon = 1e-8;  ///< added to the root of the corrected second moment
};

/// Adam (Kingma and Ba 2015, algorithm 1), epsilon placed as there and in PyTorch:
/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²;
/// p = p - learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
/// State: `exp_avg/<parameter>` (m) and `exp_avg_sq/<parameter>` (v).
class Adam : public Optimizer {
 public:
  explicit Adam(const Variables& parameters, const AdamOptions& options = {});

 protected:
  void prepare(double learning_rate, std::int64_t step) override;
  void update(const Block<float>& block) const override { descend(block); }
  void update(const Block<double>& block) const override { descend(block); }

 private:
  template <class T>
  void descend(const Block<T>& block) const;

  double beta1_;
  double beta2_;
  double epsilon_;
  double rate_ = 0.0;          // learning rate over the first moment's correction
  double root_inverse_ = 0.0;  // 1 / sqrt of the second moment's correction
};

}  // namespace mnemo::optim
