#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace mnemo::detail {

inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Uninitialised memory for std::free; `data` is null where there is none.
struct Pages {
  void* data;
  std::size_t bytes;
};

/// At least `bytes`, a multiple of `alignment`; or in huge pages, which take one fault in place of 512
/// and spare kernels that write to many places at once looking up addresses.
inline Pages allocate_pages(std::size_t bytes, std::size_t alignment, bool huge) {
  if (huge) alignment = std::max(alignment, huge_page);
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* const data = std::aligned_alloc(alignment, rounded);
  if (data && huge) madvise(data, rounded, MADV_HUGEPAGE);  // advice: it may go unheard
  return {data, rounded};
}

/// `bytes`, a power of two and aligned to it, in huge pages; or null. Unlike what comes from malloc, it
/// goes back to the operating system with munmap.
inline void* map_slab(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -std::bit_cast<std::uintptr_t>(begin) & (bytes - 1);
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, bytes - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);
  return begin + before;
}

}  // namespace mnemo::detail
