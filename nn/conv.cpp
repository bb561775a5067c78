#include "mnemo/nn/conv.hpp"

#include <type_traits>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/nn/detail/initial_values.hpp"

namespace mnemo::nn::detail {
namespace {

template <class Options>
constexpr bool transposed = std::is_same_v<Options, ConvTranspose2dOptions>;

template <std::size_t axes, class Options>
constexpr const char* name = transposed<Options> ? axes == 1 ? "ConvTranspose1d" : "ConvTranspose2d"
                             : axes == 1         ? "Conv1d"
                                                 : "Conv2d";

// ", stride 2" or ", stride 2x1"; nothing where both lengths are `usual`.
std::string labelled(const char* label, const Pair& pair, std::int64_t usual) {
  if (pair.height != pair.width) return text(", ", label, " ", pair.height, "x", pair.width);
  return pair.height == usual ? "" : text(", ", label, " ", pair.height);
}

std::string padding_text(const Pair& padding) { return labelled("padding", padding, 0); }
std::string padding_text(const Padding& padding) {
  return padding.same ? ", padding same" : labelled("padding", padding, 0);
}

}  // namespace

template <std::size_t axes, class Options>
Convolution<axes, Options>::Convolution(std::int64_t in, std::int64_t out, const Options& options,
                                        Rng& rng)
    : in_(in), out_(out), options_(options) {
  constexpr const char* layer = name<axes, Options>;
  const Pair& kernel = options.kernel;
  const std::int64_t groups = options.groups;
  if (in < 1 || out < 1) {
    fail(layer, ": ", in, " -> ", out, " channels; both must be at least 1");
  }
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    fail(layer, ": ", groups, " groups do not divide the channels ", in, " -> ", out);
  }
  if (kernel.height < 1 || kernel.width < 1 || (axes == 1 && kernel.height != kernel.width)) {
    fail(layer, ": kernel ", kernel.height, "x", kernel.width,
         axes == 1 ? " should be one length" : " should be lengths", " of at least 1");
  }
  const bool swapped = transposed<Options>;
  Shape shape{swapped ? in : out, (swapped ? out : in) / groups, kernel.height};
  if (axes == 2) shape.push_back(kernel.width);
  weight = this->parameter("weight",
                           initial_weight(options.weight_initializer, shape, rng, options.dtype));
  if (options.bias) bias = this->parameter("bias", initial_bias(out, shape, rng, options.dtype));
}

template <std::size_t axes, class Options>
Tensor Convolution<axes, Options>::forward(const Tensor& x) {
  const Options& o = options_;
  if constexpr (transposed<Options>) {
    return (axes == 1 ? conv_transpose1d : conv_transpose2d)(
        x, weight, bias, {o.stride, o.padding, o.output_padding, o.dilation, o.groups});
  } else {
    return (axes == 1 ? conv1d : conv2d)(x, weight, bias,
                                         {o.stride, o.padding, o.dilation, o.groups});
  }
}

template <std::size_t axes, class Options>
std::string Convolution<axes, Options>::describe() const {
  const Options& o = options_;
  return text(name<axes, Options>, "(", in_, " -> ", out_, labelled("kernel", o.kernel, 0),
              labelled("stride", o.stride, 1), padding_text(o.padding),
              labelled("dilation", o.dilation, 1), o.groups == 1 ? "" : text(", groups ", o.groups),
              o.bias ? ")" : ", no bias)");
}

template class Convolution<1, Conv2dOptions>;
template class Convolution<2, Conv2dOptions>;
template class Convolution<1, ConvTranspose2dOptions>;
template class Convolution<2, ConvTranspose2dOptions>;

}  // namespace mnemo::nn::detail
