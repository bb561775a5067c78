#pragma once
#include "mnemo/core/detail/conv_kernels.hpp"

namespace mnemo::detail {

/// Whether each group has one input channel and few results.
bool fits_depthwise(const ConvGeometry& g);

// The three kernels channel by channel, without products of matrices. Arguments as in
// conv_kernels.hpp; no size is zero.
template <class T>
void conv_output_depthwise(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y);
template <class T>
void conv_input_depthwise(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x);
template <class T>
void conv_weight_depthwise(const ConvGeometry& g, const T* x, const T* u, T* w);

}  // namespace mnemo::detail
