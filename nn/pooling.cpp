#include "mnemo/nn/pooling.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo::nn {
namespace {

std::string pair_text(const Pair& pair) {
  if (pair.height == pair.width) return mnemo::detail::text(pair.height);
  return mnemo::detail::text(pair.height, "x", pair.width);
}

}  // namespace

std::string detail::pool_text(const char* name, const PoolOptions& options) {
  const auto is = [](const Pair& pair, std::int64_t v) {
    return pair.height == v && pair.width == v;
  };
  return mnemo::detail::text(
      name, "(kernel ", pair_text(options.kernel),
      is(options.stride, 0) ? "" : ", stride " + pair_text(options.stride),
      is(options.padding, 0) ? "" : ", padding " + pair_text(options.padding),
      is(options.dilation, 1) ? "" : ", dilation " + pair_text(options.dilation),
      options.ceil_mode ? ", ceil" : "",
      options.count_include_pad ? ")" : ", padding not counted)");
}

std::string AdaptiveAvgPool2d::describe() const {
  return "AdaptiveAvgPool2d(" + pair_text(size_) + ")";
}
std::string Upsample::describe() const {
  return "Upsample(" + pair_text(factor_) +
         (interpolation_ == Interpolation::nearest ? ")" : ", bilinear)");
}
Tensor PixelShuffle::forward(const Tensor& x) { return pixel_shuffle(x, factor_); }
std::string PixelShuffle::describe() const {
  return mnemo::detail::text("PixelShuffle(", factor_, ")");
}

}  // namespace mnemo::nn
