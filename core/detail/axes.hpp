#pragma once
#include <cstdint>
#include <numeric>
#include <vector>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {

/// For each axis of a tensor of `rank`, whether `axes` names it (all are where `axes` is empty and
/// `none_means_all`). Throws Error for an axis out of range or named twice.
std::vector<bool> marked_axes(const char* name, const std::vector<std::int64_t>& axes,
                              std::size_t rank, bool none_means_all = false);

/// A shape seen around one axis.
struct AroundAxis {
  std::int64_t outer = 1, length = 1, inner = 1;
};
AroundAxis around_axis(const Shape& shape, std::size_t axis);

/// `shape` with another length at one axis.
inline Shape with_length(Shape shape, std::size_t axis, std::int64_t length) {
  shape[axis] = length;
  return shape;
}

}  // namespace mnemo::detail
