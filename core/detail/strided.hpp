#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mnemo::detail {

/// One axis of a copy between two arrays: how many elements, and how far apart (in elements, also
/// backwards or 0) they are in each.
struct StridedAxis {
  std::int64_t length;
  std::int64_t from;
  std::int64_t to;
};

/// Copies elements of `item_size` bytes (1, 2, 4 or 8) along all `axes`, in blocks on the pool's
/// threads. Two elements must not have one place in the target.
void copy_strided(std::size_t item_size, std::vector<StridedAxis> axes, const void* from, void* to);

}  // namespace mnemo::detail
