#include "mnemo/core/detail/scratch.hpp"

#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>

namespace mnemo::detail {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

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
    // Kernels write to many places far apart at once: huge pages spare them looking up addresses.
    const std::size_t page = bytes < huge_page ? 4096 : huge_page;
    const std::size_t size = (bytes + page - 1) / page * page;
    buffer.size = 0;
    buffer.bytes.reset();  // first, so that old and new are never held together
    buffer.bytes.reset(std::aligned_alloc(page, size));
    if (!buffer.bytes) throw std::bad_alloc();
    if (page == huge_page) madvise(buffer.bytes.get(), size, MADV_HUGEPAGE);
    buffer.size = size;
  }
  return buffer.bytes.get();
}

}  // namespace mnemo::detail
