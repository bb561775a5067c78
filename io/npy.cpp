#include "mnemo/io/npy.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/detail/archive.hpp"
#include "mnemo/io/detail/arrays.hpp"

namespace mnemo::io {

Tensor read_npy(const std::filesystem::path& path, Float16 float16) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  const detail::StoredArrays stored = folder ? detail::StoredArrays{} : detail::open_arrays(path);
  if (stored.arrays.size() != 1 || stored.arrays[0].crc) {
    detail::fail(path.string(), ": ", folder ? "a folder" : "an archive",
                 "; expected one .npy file");
  }
  const detail::StoredArray* const array = &stored.arrays[0];
  return detail::read_arrays(std::span(&array, 1), float16)[0];
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  detail::write_array(path, tensor, SaveOptions{}.durable);
}

}  // namespace mnemo::io
