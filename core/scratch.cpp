#include "mnemo/core/detail/scratch.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <new>

namespace mnemo::detail {
namespace {

struct Free {
  void operator()(void* bytes) const { std::free(bytes); }
};

struct Buffer {
  std::unique_ptr<void, Free> bytes;
  std::size_t size = 0;
};

thread_local std::array<Buffer, static_cast<std::size_t>(Slot::count)> buffers;

}  // namespace

void* scratch_bytes(Slot slot, std::size_t bytes) {
  Buffer& buffer = buffers[static_cast<std::size_t>(slot)];
  if (buffer.size < bytes) {
    const std::size_t size = (bytes + 4095) / 4096 * 4096;
    buffer.size = 0;
    buffer.bytes.reset();  // first, so that old and new are never held together
    buffer.bytes.reset(std::aligned_alloc(4096, size));
    if (!buffer.bytes) throw std::bad_alloc();
    buffer.size = size;
  }
  return buffer.bytes.get();
}

}  // namespace mnemo::detail
