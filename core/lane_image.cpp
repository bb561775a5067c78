#include "mnemo/core/detail/lane_image.hpp"

#include <algorithm>

namespace mnemo::detail {
namespace {

constexpr Lanes zero{};

// Where pixel i lies along one axis: the plane's number and the position in it, or -1.
struct Place {
  std::int64_t phase, position;
};

Place place_of(const LaneAxis& axis, std::int64_t i) {
  const std::int64_t place = i + axis.pad;
  if (place < 0) return {0, -1};
  const std::int64_t position = place / axis.stride - axis.skip;
  return {place % axis.stride, position < axis.extent ? std::max<std::int64_t>(position, -1) : -1};
}

}  // namespace

LaneImage::LaneImage(const LaneAxis& y, const LaneAxis& x, std::int32_t* places)
    : y_(y), x_(x), places_(places) {
  const std::int64_t begin = std::clamp<std::int64_t>(y.skip * y.stride - y.pad, 0, y.size);
  const std::int64_t end =
      std::clamp<std::int64_t>((y.skip + y.extent) * y.stride - y.pad, begin, y.size);
  first_ = begin * x.size;
  pixels_ = (end - begin) * x.size;
  const std::int64_t outside = size(y, x) - lane_count;
  for (std::int64_t iy = begin; iy < end; ++iy) {
    const Place row = place_of(y, iy);
    for (std::int64_t ix = 0; ix < x.size; ++ix) {
      const Place column = place_of(x, ix);
      const std::int64_t plane = row.phase * x.stride + column.phase;
      *places++ =
          static_cast<std::int32_t>(row.position < 0 || column.position < 0
                                        ? outside
                                        : plane * plane_stride() + row.position * row_stride() +
                                              column.position * lane_count);
    }
  }
}

void LaneImage::load(const float* images, std::int64_t channels, float* lanes) const {
  const std::int64_t image = y_.size * x_.size;
  images += first_;
  if (pixels_ < lane_count) {
    for (std::int64_t p = 0; p < pixels_; ++p) {
      for (int c = 0; c < lane_count; ++c) {
        lanes[places_[p] + c] = c < channels ? images[c * image + p] : 0.0f;
      }
    }
    return;
  }
  for (std::int64_t next = 0; next < pixels_; next += lane_count) {
    const std::int64_t p = std::min(next, pixels_ - lane_count);  // the last block may overlap
    Lanes block[lane_count];
    for (int c = 0; c < lane_count; ++c) {
      block[c] = c < channels ? load_lanes(images + c * image + p) : zero;
    }
    transpose(block);
    for (int i = 0; i < lane_count; ++i) store_lanes(block[i], lanes + places_[p + i]);
  }
}

void LaneImage::store(const float* lanes, std::int64_t channels, const float* bias,
                      float* images) const {
  const std::int64_t image = y_.size * x_.size;
  images += first_;
  if (pixels_ < lane_count) {
    for (std::int64_t p = 0; p < pixels_; ++p) {
      for (std::int64_t c = 0; c < channels; ++c) {
        images[c * image + p] = lanes[places_[p] + c] + (bias ? bias[c] : 0.0f);
      }
    }
    return;
  }
  for (std::int64_t next = 0; next < pixels_; next += lane_count) {
    const std::int64_t p = std::min(next, pixels_ - lane_count);
    Lanes block[lane_count];
    for (int i = 0; i < lane_count; ++i) block[i] = load_lanes(lanes + places_[p + i]);
    transpose(block);
    for (int c = 0; c < lane_count; ++c) {
      if (c < channels) store_lanes(block[c] + (bias ? bias[c] : 0.0f), images + c * image + p);
    }
  }
}

}  // namespace mnemo::detail
