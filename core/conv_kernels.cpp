#include "mnemo/core/detail/conv_kernels.hpp"

#include <algorithm>
#include <type_traits>

#include "mnemo/core/detail/conv_depthwise.hpp"
#include "mnemo/core/detail/conv_gemm.hpp"
#include "mnemo/core/detail/conv_winograd.hpp"

namespace mnemo::detail {
namespace {

template <class T>
void fill_channels(std::int64_t batch, std::int64_t channels, std::int64_t pixels, const T* bias,
                   T* images) {
  for (std::int64_t n = 0; n < batch; ++n) {
    for (std::int64_t c = 0; c < channels; ++c, images += pixels) {
      std::fill_n(images, pixels, bias ? bias[c] : T(0));
    }
  }
}

// No product to sum: a side of it is empty.
bool empty(const ConvGeometry& g) {
  return g.batch == 0 || g.in_channels == 0 || g.out_channels == 0 || g.in_height == 0 ||
         g.in_width == 0 || g.out_height == 0 || g.out_width == 0 || g.kernel_height == 0 ||
         g.kernel_width == 0;
}

enum class Method { columns, depthwise, winograd };

// Which way a convolution goes; the first line that fits decides.
//
//   element  kernel, stride                    channels         method
//   float    2 to 9, 1; 4 to 9 but 7, 2;       16 or more on    winograd: 25 or 36 products of
//            no dilation, not very             both sides of    channels instead of 64 or 144
//            few results                       a group          for each part of a filter
//   any      any                               one in a group,  depthwise: shifted sums, channel
//                                              few out          by channel
//   any      1x1, 1, no padding, many pixels   any              columns: the image is the matrix
//   any      any                               any              columns: gathered by phases
//
// With few channels the transforms cost more than they save. Winograd's rounding: winograd.hpp.
template <class T>
Method method_for(const ConvGeometry& g) {
  const bool many_channels = g.in_channels / g.groups >= 16 && g.out_channels / g.groups >= 16;
  if (std::is_same_v<T, float> && many_channels && fits_winograd(g)) return Method::winograd;
  return fits_depthwise(g) ? Method::depthwise : Method::columns;
}

}  // namespace

template <class T>
void conv_output(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y) {
  if (empty(g)) return fill_channels(g.batch, g.out_channels, g.out_height * g.out_width, bias, y);
  if constexpr (std::is_same_v<T, float>) {
    if (method_for<T>(g) == Method::winograd) return conv_output_winograd(g, x, w, bias, y);
  }
  method_for<T>(g) == Method::depthwise ? conv_output_depthwise(g, x, w, bias, y)
                                        : conv_output_gemm(g, x, w, bias, y);
}

template <class T>
void conv_input(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x) {
  if (empty(g)) return fill_channels(g.batch, g.in_channels, g.in_height * g.in_width, bias, x);
  if constexpr (std::is_same_v<T, float>) {
    if (method_for<T>(g) == Method::winograd) return conv_input_winograd(g, u, w, bias, x);
  }
  method_for<T>(g) == Method::depthwise ? conv_input_depthwise(g, u, w, bias, x)
                                        : conv_input_gemm(g, u, w, bias, x);
}

template <class T>
void conv_weight(const ConvGeometry& g, const T* x, const T* u, T* w) {
  if (empty(g)) {
    std::fill_n(w, g.out_channels * (g.in_channels / g.groups) * g.kernel_height * g.kernel_width,
                T(0));
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    if (method_for<T>(g) == Method::winograd) return conv_weight_winograd(g, x, u, w);
  }
  method_for<T>(g) == Method::depthwise ? conv_weight_depthwise(g, x, u, w)
                                        : conv_weight_gemm(g, x, u, w);
}

template void conv_output(const ConvGeometry&, const float*, const float*, const float*, float*);
template void conv_input(const ConvGeometry&, const float*, const float*, const float*, float*);
template void conv_weight(const ConvGeometry&, const float*, const float*, float*);
template void conv_output(const ConvGeometry&, const double*, const double*, const double*,
                          double*);
template void conv_input(const ConvGeometry&, const double*, const double*, const double*, double*);
template void conv_weight(const ConvGeometry&, const double*, const double*, double*);

}  // namespace mnemo::detail
