/// Any bytes as an IDX file, compressed or not: an Error, or a tensor within the limit.
#include <cstdlib>

#include "memory_file.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  constexpr std::size_t limit = 1 << 20;
  try {
    if (mnemo::io::read_idx(file.with(data, size), limit).bytes() > limit) std::abort();
  } catch (const mnemo::Error&) {
  }
  return 0;
}
