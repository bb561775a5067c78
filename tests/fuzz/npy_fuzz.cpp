/// Any bytes as an .npy file: an Error, or a tensor that is written and read back equal.
#include <cstring>

#include "memory_file.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/detail/npy_format.hpp"
#include "mnemo/io/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  try {
    const mnemo::Tensor tensor =
        mnemo::io::read_npy(file.with(data, size), mnemo::io::Float16::keep);
    if (tensor.bytes() > size || tensor.rank() > 32) return 0;
    std::string copy = mnemo::detail::make_npy_header(tensor.shape(), tensor.dtype(), "copy");
    copy.append(static_cast<const char*>(tensor.raw()), tensor.bytes());
    static const MemoryFile second;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(copy.data());
    const mnemo::Tensor again =
        mnemo::io::read_npy(second.with(bytes, copy.size()), mnemo::io::Float16::keep);
    if (again.shape() != tensor.shape() || again.dtype() != tensor.dtype() ||
        std::memcmp(again.raw(), tensor.raw(), tensor.bytes()) != 0) {
      std::abort();
    }
  } catch (const mnemo::Error&) {
  }
  return 0;
}
