#include "mnemo/nn/pooling.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo::nn {
namespace {

std::string pair_text(const Pair& pair) {
  if (pair.height == pair.width) return detail::text(pair.height);
  return detail::text(pair.height, "x", pair.width);
}

std::string pool_text(const char* name, const PoolOptions& options) {
  const auto is = [](const Pair& pair, std::int64_t v) {
    return pair.height == v && pair.width == v;
  };
  return detail::text(name, "(kernel ", pair_text(options.kernel),
                      is(options.stride, 0) ? "" : ", stride " + pair_text(options.stride),
                      is(options.padding, 0) ? "" : ", padding " + pair_text(options.padding), ")");
}

}  // namespace

std::string MaxPool2d::describe() const { return pool_text("MaxPool2d", options_); }
std::string AvgPool2d::describe() const { return pool_text("AvgPool2d", options_); }
std::string AdaptiveAvgPool2d::describe() const {
  return "AdaptiveAvgPool2d(" + pair_text(size_) + ")";
}
std::string Upsample::describe() const {
  return "Upsample(" + pair_text(factor_) +
         (interpolation_ == Interpolation::nearest ? ")" : ", bilinear)");
}
Tensor PixelShuffle::forward(const Tensor& x) { return pixel_shuffle(x, factor_); }
std::string PixelShuffle::describe() const { return detail::text("PixelShuffle(", factor_, ")"); }

}  // namespace mnemo::nn
