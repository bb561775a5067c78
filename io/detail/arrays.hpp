#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/io/detail/file.hpp"
#include "mnemo/io/detail/npy_format.hpp"
#include "mnemo/io/npy.hpp"

namespace mnemo::detail {

/// An array in a file, known from headers alone. There may be many, so it is small.
struct StoredArray {
  std::string place;  ///< the member's name in the archive, or else the path of the .npy file
  std::uint32_t name_begin = 0;  ///< of the variable's name in it
  std::uint32_t name_bytes = 0;
  NpyHeader header = {};
  std::shared_ptr<const InputFile> file =
      {};                    ///< null for a file of a folder: opened when it is read
  std::uint64_t begin = 0;   ///< of the .npy in the file
  std::uint64_t packed = 0;  ///< bytes of it in the file
  std::uint32_t header_crc = 0;
  bool deflated = false;
  std::optional<std::uint32_t> crc = {};

  /// The variable's.
  std::string_view name() const { return std::string_view(place).substr(name_begin, name_bytes); }
  /// File and member, for messages.
  std::string where() const;
  std::uint64_t size() const { return header.header_bytes + header.data_bytes; }
};

/// The arrays of an archive, a folder or an .npy file.
struct StoredArrays {
  std::string where;
  std::vector<StoredArray> arrays;
  /// Members that are no arrays, as arrays of bytes; in a folder, where they have no checksum, their
  /// names alone.
  std::deque<StoredArray> others;
  std::string comment;  ///< of the archive
  std::uint64_t file_bytes = 0;
};

/// Reads and checks everything but the elements. No two arrays have the same name.
StoredArrays open_arrays(const std::filesystem::path& path);

/// The file that holds the array, opened if it is not. Throws Error if it has changed its size.
std::shared_ptr<const InputFile> file_of(const StoredArray& array);

/// Throws Error where deflated arrays claim to unpack to far more than any real ones would: without
/// a program's shapes to compare with, a small file could ask for any amount of memory.
void refuse_bombs(const StoredArrays& stored);

/// Reads the elements into fresh tensors, and verifies checksums.
std::vector<Tensor> read_arrays(std::span<const StoredArray* const> arrays, io::Float16 float16);

}  // namespace mnemo::detail
