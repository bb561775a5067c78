#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// What the header of an .npy file says.
struct NpyHeader {
  DType dtype = DType::float32;
  bool swapped = false;            ///< the elements' bytes are in the other order
  bool fortran_order = false;      ///< the first axis varies fastest
  std::uint32_t header_bytes = 0;  ///< where the elements begin
  std::uint64_t data_bytes = 0;
  Shape shape;
};

/// How many bytes `npy_header_size` looks at, at most.
inline constexpr std::size_t npy_start_bytes = 12;
/// Longer headers are refused: dtype and shape of a supported array fit many times.
inline constexpr std::size_t npy_most_header_bytes = 64 * 1024;

bool is_npy(std::span<const std::byte> start);

/// The size of magic, version, length and header together, from the first `npy_start_bytes` of what
/// is_npy. Messages do not say of which file.
std::size_t npy_header_size(std::span<const std::byte> start);

/// Reads a whole header. Its shape's size in bytes is known to fit, and nothing is allocated for it.
/// Messages do not say of which file.
NpyHeader parse_npy_header(std::span<const std::byte> header);

/// The header that numpy.save writes, byte for byte: padded so that the elements begin at a multiple
/// of 64. Throws Error, which begins with `where`, for more than 32 axes.
std::string make_npy_header(const Shape& shape, DType dtype, const std::string& where);

/// Turns `raw`, the elements as they are in the file (with the axes reversed where they are in Fortran
/// order), into what the header means: bytes swapped, bool 0 or 1, C order.
Tensor decode_npy(const NpyHeader& header, Tensor raw);

/// The shape that the elements have as they are in the file.
Shape raw_shape(const NpyHeader& header);

}  // namespace mnemo::detail
