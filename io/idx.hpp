#pragma once
#include <cstddef>
#include <filesystem>

#include "mnemo/core/tensor.hpp"

namespace mnemo::io {

/// What `read_idx` allows by default: 256 MiB of elements, five times the images of Fashion-MNIST.
inline constexpr std::size_t idx_default_limit = std::size_t{256} << 20;

/// Reads an IDX file, the format of the MNIST family (LeCun, "The MNIST database of handwritten
/// digits"): two zero bytes, a type, the number of axes (1 to 32), the length of each axis as a
/// big-endian 32-bit number, then the elements row-major and big-endian. The types are 8 (uint8), 9
/// (int8), 11 (int16), 12 (int32), 13 (float32) and 14 (float64). The file may be compressed by gzip
/// (one member), which its first two bytes tell, not its name.
///
/// Returns the shape and dtype in the file. Throws Error that names the file if it cannot be read, is
/// not such a file, holds fewer or more bytes than its shape says, is damaged (gzip's checksum is
/// verified), or implies more than `limit` bytes. What the shape implies is compared with the size
/// of the file before memory is asked for.
Tensor read_idx(const std::filesystem::path& path, std::size_t limit = idx_default_limit);

}  // namespace mnemo::io
