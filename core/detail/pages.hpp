#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
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

}  // namespace mnemo::detail
