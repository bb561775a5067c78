#include "mnemo/core/upsample.hpp"

#include <algorithm>

#include "mnemo/core/detail/axis_map.hpp"
#include "mnemo/core/detail/text.hpp"

namespace mnemo {
namespace {

using detail::AxisMap;

AxisMap interpolated(std::int64_t in, std::int64_t out, Interpolation interpolation) {
  AxisMap map{.in = in};
  for (std::int64_t j = 0; j < out; ++j) {
    if (interpolation == Interpolation::nearest) {
      map.add(j * in / out, 1.0);
    } else {
      const bool aligned = interpolation == Interpolation::bilinear_aligned;
      const double scale =
          aligned ? (out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0.0)
                  : static_cast<double>(in) / static_cast<double>(out);
      const double place = aligned ? static_cast<double>(j) * scale
                                   : std::max(0.0, (static_cast<double>(j) + 0.5) * scale - 0.5);
      const std::int64_t before = std::min(static_cast<std::int64_t>(place), in - 1);
      const std::int64_t after = std::min(before + 1, in - 1);
      const double share = place - static_cast<double>(before);
      map.add(before, 1.0 - share);
      map.add(after, share);
    }
    map.next();
  }
  return map;
}

Tensor resized(const char* name, const Tensor& x, const Pair& size, Interpolation interpolation) {
  constexpr std::int64_t most = 1 << 24;  // a map of the axis is made
  if (x.size(2) < 1 || x.size(3) < 1 || std::min(size.height, size.width) < 1 ||
      std::max(size.height, size.width) > most) {
    detail::fail(name, ": input ", x.shape(), " cannot become [", size.height, ", ", size.width,
                 "]");
  }
  return detail::apply_image_maps(name, x, interpolated(x.size(2), size.height, interpolation),
                                  interpolated(x.size(3), size.width, interpolation));
}

}  // namespace

Tensor resize(const Tensor& x, const Pair& size, Interpolation interpolation) {
  detail::expect_image("resize", x);
  return resized("resize", x, size, interpolation);
}

Tensor upsample(const Tensor& x, const Pair& factor, Interpolation interpolation) {
  detail::expect_image("upsample", x);
  constexpr std::int64_t most = 1 << 20;
  if (std::min(factor.height, factor.width) < 1 || std::max(factor.height, factor.width) > most) {
    detail::fail("upsample: factor [", factor.height, ", ", factor.width, "] must be from 1 to ",
                 most);
  }
  return resized("upsample", x, {x.size(2) * factor.height, x.size(3) * factor.width},
                 interpolation);
}

}  // namespace mnemo
