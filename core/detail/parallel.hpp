#pragma once
#include <cstdint>

#include "mnemo/core/parallel.hpp"

namespace mnemo::detail {

using BlockFunction = void (*)(const void* context, std::int64_t block);
void run_blocks(std::int64_t count, BlockFunction function, const void* context);

/// Runs `body(block)` for each block in [0, count), on the pool's threads and the caller's. Which
/// thread takes which block is left open, so `body` must write only what belongs to its block, and
/// the borders of blocks must follow from sizes alone. An exception of a body is thrown on to the
/// caller after the other blocks are done. Inside a body, and while another thread of the
/// program is using the pool, it runs the blocks in order on the calling thread.
template <class Body>
void parallel_blocks(std::int64_t count, const Body& body) {
  if (count == 1) return body(std::int64_t{0});
  run_blocks(
      count,
      [](const void* context, std::int64_t block) { (*static_cast<const Body*>(context))(block); },
      &body);
}

/// Cuts [0, size) into pieces of `grain` (the last may be shorter) and runs `body(begin, end)`.
template <class Body>
void parallel_range(std::int64_t size, std::int64_t grain, const Body& body) {
  if (size <= 0) return;
  parallel_blocks((size + grain - 1) / grain, [&](std::int64_t block) {
    const std::int64_t begin = block * grain;
    body(begin, begin + grain < size ? begin + grain : size);
  });
}

}  // namespace mnemo::detail
