#pragma once
#include <optional>

#include "mnemo/nn/module.hpp"

/// Normalisations whose statistics are those of each sample alone, so that training and evaluation
/// are the same. Variances are biased (divided by the count), as everywhere in normalisation.
namespace mnemo::nn {

/// What LayerNorm, GroupNorm and InstanceNorm2d have.
struct NormOptions {
  double epsilon = 1e-5;         ///< added to the variance, at least 0
  bool affine = true;            ///< with parameters `weight` (starts at 1) and `bias` (0)
  DType dtype = DType::float32;  ///< of the parameters, and so of the input
};

/// What the first three have in common.
class Normalization : public Module {
 public:
  ///@{
  /// Undefined where switched off.
  Parameter weight;
  Parameter bias;
  ///@}

 protected:
  /// Parameters of `shape`. Throws Error for an epsilon below 0.
  Normalization(const Shape& shape, const NormOptions& options);

  double epsilon_;  ///< of the options
};

/// (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axes (Ba, Kiros and Hinton
/// 2016). Parameters of `shape`, the lengths of these axes.
class LayerNorm : public Layer<LayerNorm, Normalization> {
 public:
  ///@{
  /// Throws Error for an empty shape or a length below 1.
  explicit LayerNorm(const Shape& shape, const NormOptions& options = {});
  explicit LayerNorm(std::int64_t length, const NormOptions& options = {})
      : LayerNorm(Shape{length}, options) {}
  ///@}
  /// Throws Error where the last axes of x are not `shape`.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  Shape shape_;
};

/// The channels of [batch, channels, ...] in `groups` of neighbours, each normalised over its
/// channels and all positions (Wu and He 2018). Parameters `weight` and `bias` [channels].
class GroupNorm : public Layer<GroupNorm, Normalization> {
 public:
  /// Throws Error unless the groups divide the channels.
  GroupNorm(std::int64_t groups, std::int64_t channels, const NormOptions& options = {})
      : GroupNorm("GroupNorm", groups, channels, options) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 protected:
  /// For a layer that is one; `name` is for messages.
  GroupNorm(const char* name, std::int64_t groups, std::int64_t channels,
            const NormOptions& options);
  /// The formula, after the input's shape has been checked.
  Tensor normalized(const Tensor& x) const;

  ///@{
  /// As the constructor was given them.
  std::int64_t groups_;
  std::int64_t channels_;
  ///@}
};

/// Each channel of each picture normalised over its positions (Ulyanov, Vedaldi and Lempitsky
/// 2016): [batch, channels, height, width]. Without parameters by default, as in PyTorch.
class InstanceNorm2d : public Layer<InstanceNorm2d, GroupNorm> {
 public:
  /// Throws Error for channels below 1.
  explicit InstanceNorm2d(std::int64_t channels, const NormOptions& options = {.affine = false})
      : Layer("InstanceNorm2d", channels, channels, options) {}
  /// Throws Error for another rank or channel count, and for pictures of one pixel.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
};

/// What an RMSNorm has.
struct RmsNormOptions {
  std::optional<double> epsilon = std::nullopt;  ///< by default the machine epsilon of x's dtype
  bool affine = true;                            ///< with a parameter `weight` (starts at 1)
  DType dtype = DType::float32;                  ///< of the parameter, and so of the input
};

/// x / sqrt(mean(x²) + epsilon) * weight over the last axes (Zhang and Sennrich 2019).
class RMSNorm : public Layer<RMSNorm> {
 public:
  ///@{
  /// Throws Error for an empty shape or a length below 1.
  explicit RMSNorm(const Shape& shape, const RmsNormOptions& options = {});
  explicit RMSNorm(std::int64_t length, const RmsNormOptions& options = {})
      : RMSNorm(Shape{length}, options) {}
  ///@}
  /// Throws Error where the last axes of x are not `shape`.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Parameter weight;  ///< undefined where switched off

 private:
  Shape shape_;
  std::optional<double> epsilon_;
};

}  // namespace mnemo::nn
