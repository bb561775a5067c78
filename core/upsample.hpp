#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// Where an enlarged or reduced image takes its pixels from.
enum class Interpolation {
  nearest,   ///< pixel j shows pixel floor(j in / out), as PyTorch's "nearest"
  bilinear,  ///< pixel centres keep their places: j stands at (j + 1/2) in / out - 1/2, held inside
  bilinear_aligned,  ///< corners keep theirs: j stands at j (in - 1) / (out - 1)
};

/// An image [batch, channels, height, width] with `size` in place of height and width. float32 and
/// float64, differentiable. Throws Error for other ranks, an empty image or a size below 1.
Tensor resize(const Tensor& x, const Pair& size,
              Interpolation interpolation = Interpolation::nearest);

/// The same with height and width multiplied by `factor`.
Tensor upsample(const Tensor& x, const Pair& factor,
                Interpolation interpolation = Interpolation::nearest);

}  // namespace mnemo
