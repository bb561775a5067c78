#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/tensor.hpp"

/// Pooling of images [batch, channels, height, width] over windows, and of lines [batch, channels,
/// length] likewise. float32 and float64, differentiable. All throw Error for other ranks, empty
/// windows, windows larger than the padded input, and padding above half of the window (some
/// windows would then hold nothing else); for lines also where a pair holds two numbers.
namespace mnemo {

/// The windows of a pooling.
struct PoolOptions {
  Pair kernel;                    ///< height and width of a window, at least 1
  Pair stride = 0;                ///< 0: as the kernel
  Pair padding = 0;               ///< on both sides; never the largest, and 0 in an average
  Pair dilation = 1;              ///< of the window of max pooling
  bool ceil_mode = false;         ///< also windows that reach beyond the end, but start before it
  bool count_include_pad = true;  ///< whether an average divides by the padding's elements too
};

///@{
/// The largest element of each window. NaN goes through; of several the first gets the gradient, as
/// in PyTorch.
Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
Tensor max_pool1d(const Tensor& x, const PoolOptions& options);
///@}

///@{
/// The mean of each window. A window that reaches beyond the padding (ceil_mode) divides by what is
/// inside, as in PyTorch. Throws Error for a dilation.
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options);
///@}

/// Means of windows that divide the image into `size` parts: part i covers floor(i in / out) up to
/// ceil((i + 1) in / out).
Tensor adaptive_avg_pool2d(const Tensor& x, const Pair& size);

///@{
/// The mean, the largest of each channel: [batch, channels, 1, 1].
Tensor global_avg_pool2d(const Tensor& x);
Tensor global_max_pool2d(const Tensor& x);
///@}

}  // namespace mnemo
