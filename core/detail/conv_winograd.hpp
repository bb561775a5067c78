#pragma once
#include "mnemo/core/detail/conv_kernels.hpp"

namespace mnemo::detail {

/// Whether the kernels below are made for this geometry: no dilation, square kernels with
/// stride 1 or 2, where at least half of the products are saved, and enough tiles of 4x4 results to
/// pay for the transform of the filters. With stride 2, each of the four phases of the input has a
/// filter of its own; filters of more than three taps are sums of parts of 2x2 or 3x3, with zeros
/// where the kernel ends.
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
