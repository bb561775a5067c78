#pragma once
#include <cstdint>

namespace mnemo::detail {

/// Everything about a 2-D convolution that shapes alone leave open, and the shapes themselves, so
/// that nothing has to be inferred in any of the three directions (stride loses rows: input sizes
/// 7 and 8 may give the same output size).
struct ConvGeometry {
  std::int64_t batch, in_channels, in_height, in_width;
  std::int64_t out_channels, out_height, out_width;
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::int64_t dilation_height = 1, dilation_width = 1;
  std::int64_t groups = 1;
};

// The form u·conv(x, w) is linear in x [batch, in, ih, iw], w [out, in/groups, kh, kw] and
// u [batch, out, oh, ow]; its derivatives in u, x and w are the three kernels. Each writes its
// whole result (no accumulation into what was there). T is float or double. Same bits for any
// number of threads. Images further out than the padding are zero. In float, some geometries are
// computed by Winograd's minimal filtering (the table in conv_kernels.cpp), which rounds more than
// plain sums do: errors of at most 1e-5 of the results' root mean square, where sums have 3e-6.
// An infinity or NaN then makes the whole tile of 4x4 results NaN that it touches, not only
// those that sum it.

/// y[n,o] = bias[o] + sum over c of x[n,c] correlated with w[o,c]; `bias` may be null.
template <class T>
void conv_output(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y);

/// x[n,c] = bias[c] + sum over o of u[n,o] spread by w[o,c]; `bias` may be null. Also the forward
/// pass of a transposed convolution.
template <class T>
void conv_input(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x);

/// w[o,c] = sum over n of x[n,c] correlated with u[n,o].
template <class T>
void conv_weight(const ConvGeometry& g, const T* x, const T* u, T* w);

}  // namespace mnemo::detail
