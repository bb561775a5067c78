#pragma once
#include "mnemo/core/detail/conv_kernels.hpp"

namespace mnemo::detail {

// The three kernels as matrix products with the column matrix of conv_columns.hpp: for every
// geometry. Arguments as in conv_kernels.hpp; no size is zero.
template <class T>
void conv_output_gemm(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y);
template <class T>
void conv_input_gemm(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x);
template <class T>
void conv_weight_gemm(const ConvGeometry& g, const T* x, const T* u, T* w);

}  // namespace mnemo::detail
