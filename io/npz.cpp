#include "mnemo/io/npz.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/detail/archive.hpp"
#include "mnemo/io/detail/arrays.hpp"

namespace mnemo::io {

Variables read_npz(const std::filesystem::path& path, Float16 float16) {
  const detail::StoredArrays stored = detail::open_arrays(path);
  std::error_code error;
  if (std::filesystem::is_directory(path, error) ||
      (stored.arrays.size() == 1 && !stored.arrays[0].crc)) {
    detail::fail(path.string(), ": no .npz archive");
  }
  return detail::read_variables(stored, float16);
}

void write_npz(const std::filesystem::path& path, const Variables& variables,
               Compression compression) {
  detail::write_archive(path, variables, compression, "", SaveOptions{}.durable);
}

}  // namespace mnemo::io
