#pragma once
#include <filesystem>

#include "mnemo/core/variables.hpp"
#include "mnemo/io/npy.hpp"

namespace mnemo::io {

/// How the members of an .npz archive are written.
enum class Compression {
  stored,   ///< as they are, aligned to 64 bytes so that they can be mapped into memory
  deflate,  ///< at the usual level 6; smaller by a few per cent for weights, and much slower
};

/// Reads every array of an .npz archive into fresh tensors, in the archive's order, under NumPy's keys
/// (`generator/up1/weight` is the member `generator/up1/weight.npy`). Stored and deflated members, zip64,
/// streamed archives; the central directory is the only authority; CRC-32 and sizes are verified.
/// Members that are no arrays are left out.
///
/// Throws Error that names file and member if anything is damaged, overlaps, is encrypted, repeated, of a
/// type that `read_npy` refuses, or has a name that Variables cannot hold, and for more than 70 000
/// members.
Variables read_npz(const std::filesystem::path& path, Float16 float16 = Float16::to_float32);

/// Writes `variables` as an .npz archive that numpy.load opens without pickle. Equal variables give equal
/// bytes: members are in the order of the variables, and their time is 1980-01-01. Atomic and durable,
/// as `save` in checkpoint.hpp, which throws the same errors.
void write_npz(const std::filesystem::path& path, const Variables& variables,
               Compression compression = Compression::stored);

}  // namespace mnemo::io
