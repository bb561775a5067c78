#pragma once
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/upsample.hpp"
#include "mnemo/nn/detail/name.hpp"
#include "mnemo/nn/module.hpp"

/// Layers without parameters that change the size of images [batch, channels, height, width], or of
/// lines [batch, channels, length]; see the functions of core/pooling.hpp and core/upsample.hpp for
/// what they throw.
namespace mnemo::nn {

namespace detail {

std::string pool_text(const char* name, const PoolOptions& options);

/// A pooling function as a module.
template <Name name, Tensor (*function)(const Tensor&, const PoolOptions&)>
class Pool : public Layer<Pool<name, function>> {
 public:
  explicit Pool(const PoolOptions& options) : options_(options) {}
  Tensor forward(const Tensor& x) override { return function(x, options_); }
  std::string describe() const override { return pool_text(name.text, options_); }

 private:
  PoolOptions options_;
};

}  // namespace detail

///@{
/// The largest element of each window.
using MaxPool1d = detail::Pool<"MaxPool1d", max_pool1d>;
using MaxPool2d = detail::Pool<"MaxPool2d", max_pool2d>;
///@}
///@{
/// The mean of each window.
using AvgPool1d = detail::Pool<"AvgPool1d", avg_pool1d>;
using AvgPool2d = detail::Pool<"AvgPool2d", avg_pool2d>;
///@}

/// adaptive_avg_pool2d: the means of `size` parts; 1 is the mean of each channel.
class AdaptiveAvgPool2d : public Layer<AdaptiveAvgPool2d> {
 public:
  /// Height and width of the result.
  explicit AdaptiveAvgPool2d(const Pair& size) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, size_); }
  std::string describe() const override;

 private:
  Pair size_;
};

/// upsample: height and width multiplied by `factor`.
class Upsample : public Layer<Upsample> {
 public:
  /// Both factors at least 1.
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
  /// The r of these shapes, at least 1.
  explicit PixelShuffle(std::int64_t factor) : factor_(factor) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  std::int64_t factor_;
};

}  // namespace mnemo::nn
