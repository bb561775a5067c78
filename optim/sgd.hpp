#pragma once
#include "mnemo/optim/optimizer.hpp"

namespace mnemo::optim {

struct SgdOptions {
  double learning_rate = 1e-2;
  double momentum = 0.0;  ///< in [0, 1)
};

/// Stochastic gradient descent, with momentum as PyTorch writes it:
/// m = momentum m + g;  p = p - learning_rate m  (p - learning_rate g without momentum).
/// State with momentum: `momentum_buffer/<parameter>`.
class Sgd : public Optimizer {
 public:
  explicit Sgd(const Variables& parameters, const SgdOptions& options = {});

 protected:
  void prepare(double learning_rate, std::int64_t step) override;
  void update(const Block<float>& block) const override { descend(block); }
  void update(const Block<double>& block) const override { descend(block); }

 private:
  template <class T>
  void descend(const Block<T>& block) const;

  double momentum_;
  double rate_ = 0.0;
};

}  // namespace mnemo::optim
