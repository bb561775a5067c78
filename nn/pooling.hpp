#pragma once
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/upsample.hpp"
#include "mnemo/nn/module.hpp"

/// Layers without parameters that change the size of images [batch, channels, height, width]; see the
/// functions of core/pooling.hpp and core/upsample.hpp for what they throw.
namespace mnemo::nn {

/// max_pool2d: the largest element of each window.
class MaxPool2d : public Layer<MaxPool2d> {
 public:
  explicit MaxPool2d(const PoolOptions& options) : options_(options) {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options_); }
  std::string describe() const override;

 private:
  PoolOptions options_;
};

/// avg_pool2d: the mean of each window.
class AvgPool2d : public Layer<AvgPool2d> {
 public:
  explicit AvgPool2d(const PoolOptions& options) : options_(options) {}
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options_); }
  std::string describe() const override;

 private:
  PoolOptions options_;
};

/// adaptive_avg_pool2d: the means of `size` parts; 1 is the mean of each channel.
class AdaptiveAvgPool2d : public Layer<AdaptiveAvgPool2d> {
 public:
  explicit AdaptiveAvgPool2d(const Pair& size) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, size_); }
  std::string describe() const override;

 private:
  Pair size_;
};

/// upsample: height and width multiplied by `factor`.
class Upsample : public Layer<Upsample> {
 public:
  explicit Upsample(const Pair& factor, Interpolation interpolation = Interpolation::nearest)
      : factor_(factor), interpolation_(interpolation) {}
  Tensor forward(const Tensor& x) override { return upsample(x, factor_, interpolation_); }
  std::string describe() const override;

 private:
  Pair factor_;
  Interpolation interpolation_;
};

/// pixel_shuffle: [n, c r², h, w] to [n, c, h r, w r].
class PixelShuffle : public Layer<PixelShuffle> {
 public:
  explicit PixelShuffle(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  std::int64_t factor_;
};

}  // namespace mnemo::nn
