#include "mnemo/nn/conv.hpp"

#include <type_traits>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/nn/detail/initial_values.hpp"

namespace mnemo::nn {
namespace {

// ", stride 2" or ", stride 2x1"; nothing where both lengths are `usual`.
std::string labelled(const char* label, const Pair& pair, std::int64_t usual) {
  if (pair.height != pair.width) {
    return detail::text(", ", label, " ", pair.height, "x", pair.width);
  }
  return pair.height == usual ? "" : detail::text(", ", label, " ", pair.height);
}

std::string padding_text(const Pair& padding) { return labelled("padding", padding, 0); }
std::string padding_text(const Padding& padding) {
  return padding.same ? ", padding same" : labelled("padding", padding, 0);
}

}  // namespace

template <class Options>
Convolution::Convolution(const char* name, std::int64_t first, std::int64_t second,
                         std::size_t axes, const Options& options, Rng& rng) {
  constexpr bool transposed = std::is_same_v<Options, ConvTranspose2dOptions>;
  const std::int64_t in = transposed ? first : second, out = transposed ? second : first;
  if (first < 1 || second < 1) {
    detail::fail(name, ": ", in, " -> ", out, " channels; both must be at least 1");
  }
  if (options.groups < 1 || first % options.groups != 0 || second % options.groups != 0) {
    detail::fail(name, ": ", options.groups, " groups do not divide the channels ", in, " -> ",
                 out);
  }
  const Pair& kernel = options.kernel;
  if (kernel.height < 1 || kernel.width < 1 || (axes == 1 && kernel.height != kernel.width)) {
    detail::fail(name, ": kernel ", kernel.height, "x", kernel.width,
                 axes == 1 ? " should be one length" : " should be lengths", " of at least 1");
  }
  Shape shape{first, second / options.groups, kernel.height};
  if (axes == 2) shape.push_back(kernel.width);
  weight = parameter("weight",
                     detail::initial_weight(options.weight_initializer, shape, rng, options.dtype));
  if (options.bias) bias = parameter("bias", detail::initial_bias(out, shape, rng, options.dtype));
  description_ = detail::text(name, "(", in, " -> ", out, labelled("kernel", kernel, 0),
                              labelled("stride", options.stride, 1), padding_text(options.padding),
                              labelled("dilation", options.dilation, 1),
                              options.groups == 1 ? "" : detail::text(", groups ", options.groups),
                              options.bias ? ")" : ", no bias)");
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options, Rng& rng)
    : Layer("Conv2d", out, in, 2, options, rng),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, options_); }

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out,
                                 const ConvTranspose2dOptions& options, Rng& rng)
    : Layer("ConvTranspose2d", in, out, 2, options, rng),
      options_{options.stride, options.padding, options.output_padding, options.dilation,
               options.groups} {}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  return conv_transpose2d(x, weight, bias, options_);
}

Conv1d::Conv1d(std::int64_t in, std::int64_t out, const Conv1dOptions& options, Rng& rng)
    : Layer("Conv1d", out, in, 1, options, rng),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

Tensor Conv1d::forward(const Tensor& x) { return conv1d(x, weight, bias, options_); }

ConvTranspose1d::ConvTranspose1d(std::int64_t in, std::int64_t out,
                                 const ConvTranspose1dOptions& options, Rng& rng)
    : Layer("ConvTranspose1d", in, out, 1, options, rng),
      options_{options.stride, options.padding, options.output_padding, options.dilation,
               options.groups} {}

Tensor ConvTranspose1d::forward(const Tensor& x) {
  return conv_transpose1d(x, weight, bias, options_);
}

}  // namespace mnemo::nn
