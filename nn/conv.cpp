#include "mnemo/nn/conv.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/nn/detail/bias.hpp"

namespace mnemo::nn {
namespace {

// [first, second / groups, kh, kw], where both layouts of a weight are made.
Shape weight_shape(const char* name, std::int64_t first, std::int64_t second, const Pair& kernel,
                   std::int64_t groups) {
  if (first < 1 || second < 1) detail::fail(name, ": channels must be at least 1");
  if (groups < 1 || first % groups != 0 || second % groups != 0) {
    detail::fail(name, ": ", groups, " groups do not divide the channels ", first, " and ", second);
  }
  if (kernel.height < 1 || kernel.width < 1) {
    detail::fail(name, ": kernel [", kernel.height, ", ", kernel.width, "] must be at least 1");
  }
  return {first, second / groups, kernel.height, kernel.width};
}

std::string pair_text(const char* label, const Pair& pair, std::int64_t usual) {
  if (pair.height == usual && pair.width == usual) return "";
  if (pair.height == pair.width) return detail::text(", ", label, " ", pair.height);
  return detail::text(", ", label, " ", pair.height, "x", pair.width);
}

template <class Options>
std::string describe_conv(const char* name, std::int64_t in, std::int64_t out, const Tensor& weight,
                          const Options& options, bool bias) {
  return detail::text(name, "(", in, " -> ", out,
                      pair_text("kernel", {weight.size(2), weight.size(3)}, 0),
                      pair_text("stride", options.stride, 1),
                      pair_text("padding", options.padding, 0),
                      pair_text("dilation", options.dilation, 1),
                      options.groups == 1 ? "" : detail::text(", groups ", options.groups),
                      bias ? ")" : ", no bias)");
}

}  // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options, Rng& rng)
    : options_{options.stride, options.padding, options.dilation, options.groups} {
  const Shape shape = weight_shape("Conv2d", out, in, options.kernel, options.groups);
  weight = parameter("weight", options.weight_initializer(shape, rng, options.dtype));
  if (options.bias) bias = parameter("bias", detail::initial_bias(out, shape, rng, options.dtype));
}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, options_); }

std::string Conv2d::describe() const {
  return describe_conv("Conv2d", weight.size(1) * options_.groups, weight.size(0), weight, options_,
                       bias.defined());
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out,
                                 const ConvTranspose2dOptions& options, Rng& rng)
    : options_{options.stride, options.padding, options.output_padding, options.dilation,
               options.groups} {
  const Shape shape = weight_shape("ConvTranspose2d", in, out, options.kernel, options.groups);
  weight = parameter("weight", options.weight_initializer(shape, rng, options.dtype));
  if (options.bias) bias = parameter("bias", detail::initial_bias(out, shape, rng, options.dtype));
}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  return conv_transpose2d(x, weight, bias, options_);
}

std::string ConvTranspose2d::describe() const {
  return describe_conv("ConvTranspose2d", weight.size(0), weight.size(1) * options_.groups, weight,
                       options_, bias.defined());
}

}  // namespace mnemo::nn
