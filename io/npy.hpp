#pragma once
#include <filesystem>

#include "mnemo/core/tensor.hpp"

/// Files and data: NumPy's .npy and .npz, checkpoints, CSV, PNG, IDX, and the dealing out of
/// batches.
namespace mnemo::io {

/// What becomes of IEEE half-precision arrays when a file is read.
enum class Float16 {
  to_float32,  ///< exact, and ready to compute with
  keep,        ///< as DType::float16, bit for bit
};

/// Reads NumPy's .npy format (NEP 1), versions 1, 2 and 3: either byte order, C or Fortran order
/// (transposed while reading), bool, integers of 8 to 64 bits, float16, float32 and float64. Objects
/// (pickles), structured, complex, text and time types are refused by name.
///
/// Throws Error that names the file if it cannot be read, is no such file, or does not hold exactly the
/// bytes that its header implies; that is known before memory is asked for.
Tensor read_npy(const std::filesystem::path& path, Float16 float16 = Float16::to_float32);

/// Writes `tensor` as numpy.save does, byte for byte: version 1, little-endian, C order, data aligned
/// to 64 bytes. Atomic and durable, as `save` in checkpoint.hpp. Throws Error if that fails or the tensor
/// has more axes than NumPy's 32; the older file is then as it was.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace mnemo::io
