#include "mnemo/core/detail/scratch.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <new>

#include "mnemo/core/detail/pages.hpp"

namespace mnemo::detail {
namespace {

struct Free {
  void operator()(void* bytes) const { std::free(bytes); }
};

struct Buffer {
  std::unique_ptr<void, Free> bytes;
  std::size_t size = 0;
};

// Kernels go to and fro in their scratch, and a thread has few of these buffers: what huge pages waste
// at their ends is little, beside what they spare.
constexpr std::size_t least_huge = huge_page / 4;

thread_local std::array<Buffer, static_cast<std::size_t>(Slot::count)> buffers;

}  // namespace

void* scratch_bytes(Slot slot, std::size_t bytes) {
  Buffer& buffer = buffers[static_cast<std::size_t>(slot)];
  if (buffer.size < bytes) {
    buffer.size = 0;
    buffer.bytes.reset();  // first, so that old and new are never held together
    const Pages pages = allocate_pages(bytes, 4096, bytes >= least_huge);
    if (!pages.data) throw std::bad_alloc();
    buffer.bytes.reset(pages.data);
    buffer.size = pages.bytes;
  }
  return buffer.bytes.get();
}

}  // namespace mnemo::detail
