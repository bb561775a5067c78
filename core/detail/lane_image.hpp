#pragma once
#include <cstdint>

#include "mnemo/core/detail/lanes.hpp"

namespace mnemo::detail {

/// How the pixels i of one side of an image lie in its planes: padded place i + pad, plane
/// place % stride, position place / stride - skip; positions outside [0, extent) are left out.
struct LaneAxis {
  std::int64_t size, stride, pad, skip, extent;
};

/// `lane_count` channels of an image, side by side in each pixel ("channels last"), the pixels
/// sorted into padded planes by their phase modulo the stride: element [phase][row][column][lane].
class LaneImage {
 public:
  /// `places` is room for `place_count(y, x)` numbers that outlives the object.
  LaneImage(const LaneAxis& y, const LaneAxis& x, std::int32_t* places);
  static std::int64_t place_count(const LaneAxis& y, const LaneAxis& x) { return y.size * x.size; }
  /// Floats of the image, with a place where pixels go that lie outside.
  static std::int64_t size(const LaneAxis& y, const LaneAxis& x) {
    return (y.stride * x.stride * y.extent * x.extent + 1) * lane_count;
  }

  std::int64_t row_stride() const { return x_.extent * lane_count; }
  std::int64_t plane_stride() const { return y_.extent * row_stride(); }

  /// Writes the pixels of `channels` (at most lane_count) images that follow each other; further
  /// lanes get 0. The padding is left as it is.
  void load(const float* images, std::int64_t channels, float* lanes) const;
  /// The way back, on top of each channel's bias if there is one. Only for images all of whose
  /// wanted pixels lie inside.
  void store(const float* lanes, std::int64_t channels, const float* bias, float* images) const;

 private:
  LaneAxis y_, x_;
  std::int64_t first_, pixels_;  // the rows that have a place, as a run of pixels
  std::int32_t* places_;
};

}  // namespace mnemo::detail
