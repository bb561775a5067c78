#pragma once
#include "mnemo/core/detail/conv_kernels.hpp"

namespace mnemo::detail {

/// Whether the kernels below are made for this geometry: no groups or dilation, square kernels of 2
/// or 3 taps with stride 1, or of 3 to 6 with stride 2 (2x2 or 3x3 for each of four phases, with
/// zeros where the kernel ends), and tiles of 4x4 results, a quarter as many as channels, that pay
/// for the transform of the filters.
bool fits_winograd(const ConvGeometry& g);

// The three kernels by Winograd's minimal filtering on tiles of 4x4 results (winograd.hpp): 36
// multiplications instead of 144, or 25 instead of 64, and these as matrix products over channels.
// Arguments as in conv_kernels.hpp; no size is zero.
void conv_output_winograd(const ConvGeometry& g, const float* x, const float* w, const float* bias,
                          float* y);
void conv_input_winograd(const ConvGeometry& g, const float* u, const float* w, const float* bias,
                         float* x);
void conv_weight_winograd(const ConvGeometry& g, const float* x, const float* u, float* w);

}  // namespace mnemo::detail
