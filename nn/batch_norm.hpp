#pragma once
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// What a BatchNorm1d or BatchNorm2d has.
struct BatchNormOptions {
  double epsilon = 1e-5;  ///< added to the variance, at least 0
  double momentum = 0.1;  ///< the share of the newest batch in the running statistics, in [0, 1]
  bool affine = true;     ///< with parameters `weight` (starts at 1) and `bias` (0)
  DType dtype = DType::float32;  ///< of parameters and statistics, and so of the input
};

/// Batch normalisation (Ioffe and Szegedy 2015) of [batch, channels, ...]. In training the statistics
/// are those of the batch, and the running ones move towards them (the variance with Bessel's
/// correction, as in PyTorch); in evaluation the running ones are used. Parameters `weight`
/// and `bias`, buffers `running_mean` (starts at 0) and `running_var` (1), all [channels].
class BatchNorm : public Module {
 public:
  /// Throws Error for another rank or channel count, and in training for fewer than two values a
  /// channel.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  ///@{
  /// [channels]; undefined where switched off.
  Parameter weight;
  Parameter bias;
  ///@}
  ///@{
  /// [channels]; written in training, used in evaluation.
  Buffer running_mean;
  Buffer running_var;
  ///@}

 protected:
  /// `name` and `expected`, the input's axes after the channels, are for messages.
  BatchNorm(const char* name, const char* expected, std::size_t least_rank, std::size_t most_rank,
            std::int64_t channels, const BatchNormOptions& options);

 private:
  const char* name_;
  const char* expected_;
  std::size_t least_rank_;
  std::size_t most_rank_;
  double epsilon_;
  double momentum_;
};

/// Of [batch, channels] or [batch, channels, length].
class BatchNorm1d : public Layer<BatchNorm1d, BatchNorm> {
 public:
  /// Throws Error for channels below 1, an epsilon below 0 or a momentum outside [0, 1].
  explicit BatchNorm1d(std::int64_t channels, const BatchNormOptions& options = {})
      : Layer("BatchNorm1d", "] or [..., length]", 2, 3, channels, options) {}
};

/// Of [batch, channels, height, width].
class BatchNorm2d : public Layer<BatchNorm2d, BatchNorm> {
 public:
  /// Throws Error as BatchNorm1d.
  explicit BatchNorm2d(std::int64_t channels, const BatchNormOptions& options = {})
      : Layer("BatchNorm2d", ", height, width]", 4, 4, channels, options) {}
};

}  // namespace mnemo::nn
