#include "mnemo/nn/conv.hpp"

#include <algorithm>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/nn/detail/bias.hpp"

namespace mnemo::nn {
namespace {

Shape lengths(std::int64_t value) { return {value}; }
Shape lengths(const Pair& pair) { return {pair.height, pair.width}; }

// ", stride 2" or ", stride 2x1"; nothing where all lengths are `usual`.
std::string labelled(const char* label, const Shape& values, std::int64_t usual) {
  const auto is = [&](std::int64_t length) {
    return std::all_of(values.begin(), values.end(), [=](std::int64_t v) { return v == length; });
  };
  if (is(usual)) return "";
  std::string text = detail::text(", ", label, " ", values[0]);
  if (!is(values[0])) text += detail::text("x", values[1]);
  return text;
}

std::string padding_text(const Padding& padding) {
  return padding.same ? ", padding same" : labelled("padding", lengths(padding), 0);
}
std::string padding_text(std::int64_t padding) { return labelled("padding", {padding}, 0); }
std::string padding_text(const Pair& padding) { return labelled("padding", lengths(padding), 0); }

}  // namespace

template <class Options>
Convolution::Convolution(const char* name, std::int64_t first, std::int64_t second,
                         const Shape& kernel, const Options& options, bool transposed, Rng& rng) {
  if (first < 1 || second < 1) detail::fail(name, ": channels must be at least 1");
  if (options.groups < 1 || first % options.groups != 0 || second % options.groups != 0) {
    detail::fail(name, ": ", options.groups, " groups do not divide the channels ", first, " and ",
                 second);
  }
  Shape shape{first, second / options.groups};
  for (const std::int64_t length : kernel) {
    if (length < 1) detail::fail(name, ": kernel ", kernel, " must be at least 1");
    shape.push_back(length);
  }
  const std::int64_t in = transposed ? first : second, out = transposed ? second : first;
  weight = parameter("weight", options.weight_initializer(shape, rng, options.dtype));
  if (options.bias) bias = parameter("bias", detail::initial_bias(out, shape, rng, options.dtype));
  description_ =
      detail::text(name, "(", in, " -> ", out, labelled("kernel", kernel, 0),
                   labelled("stride", lengths(options.stride), 1), padding_text(options.padding),
                   labelled("dilation", lengths(options.dilation), 1),
                   options.groups == 1 ? "" : detail::text(", groups ", options.groups),
                   options.bias ? ")" : ", no bias)");
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options, Rng& rng)
    : Layer("Conv2d", out, in, lengths(options.kernel), options, false, rng),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, options_); }

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out,
                                 const ConvTranspose2dOptions& options, Rng& rng)
    : Layer("ConvTranspose2d", in, out, lengths(options.kernel), options, true, rng),
      options_{options.stride, options.padding, options.output_padding, options.dilation,
               options.groups} {}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  return conv_transpose2d(x, weight, bias, options_);
}

Conv1d::Conv1d(std::int64_t in, std::int64_t out, const Conv1dOptions& options, Rng& rng)
    : Layer("Conv1d", out, in, lengths(options.kernel), options, false, rng),
      options_{options.stride, options.padding, options.dilation, options.groups} {}

Tensor Conv1d::forward(const Tensor& x) { return conv1d(x, weight, bias, options_); }

ConvTranspose1d::ConvTranspose1d(std::int64_t in, std::int64_t out,
                                 const ConvTranspose1dOptions& options, Rng& rng)
    : Layer("ConvTranspose1d", in, out, lengths(options.kernel), options, true, rng),
      options_{options.stride, options.padding, options.output_padding, options.dilation,
               options.groups} {}

Tensor ConvTranspose1d::forward(const Tensor& x) {
  return conv_transpose1d(x, weight, bias, options_);
}

}  // namespace mnemo::nn
