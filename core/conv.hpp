#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// A length for each of an image's two axes: `3` for both, or `{3, 5}` for height and width.
struct Pair {
  std::int64_t height;  ///< of the axis before the last
  std::int64_t width;   ///< of the last axis
  ///@{
  /// One number for both axes, or two.
  constexpr Pair(std::int64_t both) : height(both), width(both) {}  // NOLINT: implicit on purpose
  constexpr Pair(int both) : Pair(static_cast<std::int64_t>(both)) {}  // NOLINT
  constexpr Pair(std::int64_t height_, std::int64_t width_) : height(height_), width(width_) {}
  ///@}
};

/// Zeros around an image: `1` or `{1, 2}` on both sides of each axis, or "same": as many as keep
/// the lengths, the odd one at the end (stride 1 only, as in PyTorch). Throws Error for another
/// text.
struct Padding : Pair {
  bool same = false;  ///< whether the widths follow from the kernel; the pair is then 0
  /// The same number of zeros on each side: `1`, or `{1, 2}` above and below, left and right.
  using Pair::Pair;
  /// The same of a pair that is there already.
  constexpr Padding(const Pair& pair) : Pair(pair) {}  // NOLINT: implicit on purpose
  /// "same"; throws Error for another text.
  Padding(const char* text);  // NOLINT
};

/// How conv2d and conv1d walk over their input. They throw Error for numbers below 1, padding below
/// 0.
struct ConvOptions {
  Pair stride = 1;      ///< step between two places of the kernel
  Padding padding = 0;  ///< zeros on both sides of each axis, or "same"
  Pair dilation = 1;    ///< distance of neighbouring elements under the kernel
  /// Parts into which the channels are cut, each convolved by itself; `in` for a depthwise one.
  std::int64_t groups = 1;
};

/// How conv_transpose2d and conv_transpose1d spread their input: the options of the convolution
/// that they are the adjoint of.
struct ConvTransposeOptions {
  Pair stride = 1;          ///< distance of two inputs in the result
  Pair padding = 0;         ///< taken off on both sides of the result
  Pair output_padding = 0;  ///< added to the result at the bottom and the right; below stride
  Pair dilation = 1;        ///< distance of neighbouring elements under the kernel
  std::int64_t groups = 1;  ///< as in ConvOptions
};

/// Cross-correlation, as every framework calls convolution: x [batch, in, h, w],
/// weight [out, in / groups, kh, kw], bias [out] or undefined; gives [batch, out, oh, ow] with
/// oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down. Differentiable to any
/// order. Throws Error where ranks, channels or sizes do not fit.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});

/// The adjoint of conv2d in its input: x [batch, in, h, w], weight [in, out / groups, kh, kw], bias
/// [out] or undefined; gives [batch, out, oh, ow] with
/// oh = (h - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvTransposeOptions& options = {});

/// conv2d along one axis: x [batch, in, length], weight [out, in / groups, k]. Options that are
/// pairs must be alike.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});

/// conv_transpose2d along one axis: x [batch, in, length], weight [in, out / groups, k].
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvTransposeOptions& options = {});

}  // namespace mnemo
