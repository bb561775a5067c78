#pragma once
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< the share of the newest batch in the running statistics
  DType dtype = DType::float32;
};

/// Batch normalisation (Ioffe and Szegedy 2015) of [batch, channels, height, width]. In training the
/// statistics are those of the batch, and the running ones move towards them (the variance with
/// Bessel's correction, as in PyTorch); in evaluation the running ones are used. Parameters `weight`
/// (starts at 1) and `bias` (0), buffers `running_mean` (0) and `running_var` (1), all [channels].
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, const BatchNormOptions& options = {});
  /// Throws Error for another rank or channel count, and in training for fewer than two values a
  /// channel.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Tensor weight;
  Tensor bias;
  Tensor running_mean;
  Tensor running_var;

 private:
  double epsilon_;
  double momentum_;
};

}  // namespace mnemo::nn
