#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// The windows that unfold takes out of an image, as those of a convolution.
struct FoldOptions {
  Pair kernel;        ///< height and width of a window, at least 1
  Pair stride = 1;    ///< step between two windows, at least 1
  Pair padding = 0;   ///< zeros on both sides
  Pair dilation = 1;  ///< distance of neighbouring elements in a window
};

/// The windows of an image as columns: [batch, channels, height, width] gives [batch, channels kh
/// kw, windows], windows in row-major order, as PyTorch's unfold. Differentiable. Throws Error
/// where no window fits.
Tensor unfold(const Tensor& x, const FoldOptions& options);

/// The adjoint of unfold: columns [batch, channels kh kw, windows] are added into an image of
/// height and width `size`. Throws Error where the columns do not belong to that size.
Tensor fold(const Tensor& columns, const Pair& size, const FoldOptions& options);

}  // namespace mnemo
