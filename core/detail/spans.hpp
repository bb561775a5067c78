#pragma once
#include <array>
#include <cstdint>

#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/shape.hpp"

namespace mnemo::detail {

/// How to walk over `count` operands that are broadcast to one shape. Axes that all operands cross
/// alike are merged, so what is left is a few outer axes around runs in which each operand either
/// advances by one element or stays.
template <std::size_t count>
struct Walk {
  static constexpr std::size_t max_axes = 8;

  std::int64_t run = 1;                // elements of the innermost run
  std::array<bool, count> advances{};  // in the run
  std::size_t axes = 0;                // outer axes
  std::int64_t runs = 1;               // their product
  std::array<std::int64_t, max_axes> lengths{};
  std::array<std::array<std::int64_t, count>, max_axes> strides{};

  /// Offsets of the operands at the start of outer position `index`.
  std::array<std::int64_t, count> offsets(std::int64_t index) const {
    std::array<std::int64_t, count> result{};
    for (std::size_t axis = axes; axis-- > 0;) {
      const std::int64_t step = index % lengths[axis];
      index /= lengths[axis];
      for (std::size_t i = 0; i < count; ++i) result[i] += step * strides[axis][i];
    }
    return result;
  }
};

/// Throws Error naming `operation` where more than eight axes remain after merging.
void throw_too_many_axes(const char* operation, const Shape& shape);

template <std::size_t count>
Walk<count> plan_walk(const char* operation, const Shape& result,
                      const std::array<const Shape*, count>& shapes) {
  struct Axis {
    std::int64_t length = 1;
    std::array<std::int64_t, count> stride{};
  };
  std::array<Axis, Walk<count>::max_axes + 1> merged;
  std::size_t kept = 0;
  std::array<std::int64_t, count> extent;
  extent.fill(1);
  for (std::size_t axis = result.rank(); axis-- > 0;) {  // from the innermost
    Axis next{.length = result[axis], .stride = {}};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t missing = result.rank() - shapes[i]->rank();
      const std::int64_t length = axis < missing ? 1 : (*shapes[i])[axis - missing];
      next.stride[i] = length == 1 ? 0 : extent[i];
      extent[i] *= length;
    }
    if (next.length == 1) continue;
    if (kept > 0) {
      Axis& inner = merged[kept - 1];
      bool alike = true;
      for (std::size_t i = 0; i < count; ++i) {
        alike &= next.stride[i] == inner.stride[i] * inner.length;
      }
      if (alike) {
        inner.length *= next.length;
        continue;
      }
    }
    if (kept == merged.size()) throw_too_many_axes(operation, result);
    merged[kept++] = next;
  }
  Walk<count> walk;
  if (kept > 0) {
    walk.run = merged[0].length;
    for (std::size_t i = 0; i < count; ++i) walk.advances[i] = merged[0].stride[i] != 0;
  }
  walk.axes = kept > 0 ? kept - 1 : 0;
  for (std::size_t axis = 0; axis < walk.axes; ++axis) {
    const Axis& outer = merged[walk.axes - axis];
    walk.lengths[axis] = outer.length;
    walk.strides[axis] = outer.stride;
    walk.runs *= outer.length;
  }
  return walk;
}

/// Elements that one block of an elementwise operation covers at least.
inline constexpr std::int64_t block_elements = 16384;

/// Calls `body(result_offset, operand_offsets, length)` for contiguous pieces that together cover
/// the whole result, in blocks on the pool's threads.
template <std::size_t count, class Body>
void for_each_run(const Walk<count>& walk, const Body& body) {
  if (walk.runs == 0 || walk.run == 0) return;
  if (walk.run >= block_elements) {
    const std::int64_t pieces = (walk.run + block_elements - 1) / block_elements;
    parallel_blocks(walk.runs * pieces, [&](std::int64_t block) {
      const std::int64_t index = block / pieces;
      const std::int64_t begin = block % pieces * block_elements;
      std::array<std::int64_t, count> offsets = walk.offsets(index);
      for (std::size_t i = 0; i < count; ++i) offsets[i] += walk.advances[i] ? begin : 0;
      const std::int64_t left = walk.run - begin;
      body(index * walk.run + begin, offsets, left < block_elements ? left : block_elements);
    });
    return;
  }
  parallel_range(walk.runs, block_elements / walk.run, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      body(index * walk.run, walk.offsets(index), walk.run);
    }
  });
}

}  // namespace mnemo::detail
