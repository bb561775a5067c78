/// Any bytes as an archive: an Error, or tensors no larger than an honest archive could hold.
#include <cstdlib>
#include <string>

#include "memory_file.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  const std::string& path = file.with(data, size);
  constexpr std::size_t most = std::size_t{33} << 20;
  std::size_t read_bytes = 0;
  bool read = false;
  bool others = false;  // members that are no arrays, of which only verify looks at the checksums
  const auto warn = [&](const std::string&) { others = true; };
  try {
    read_bytes = mnemo::io::read(path, {.float16 = mnemo::io::Float16::keep, .warn = warn}).bytes();
    read = true;
  } catch (const mnemo::Error&) {
  }
  if (read_bytes > most + 200 * size) std::abort();
  try {
    if (read && mnemo::io::verify(path).bytes != read_bytes) std::abort();
  } catch (const mnemo::Error&) {
    if (!others) std::abort();
  }
  try {
    mnemo::io::map(path, {.float16 = mnemo::io::Float16::keep, .warn = nullptr});
  } catch (const mnemo::Error&) {
    if (read) std::abort();
  }
  return 0;
}
