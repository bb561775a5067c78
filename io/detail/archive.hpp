#pragma once
#include <filesystem>
#include <string>

#include "mnemo/core/variables.hpp"
#include "mnemo/io/detail/arrays.hpp"
#include "mnemo/io/npz.hpp"

namespace mnemo::detail {

/// Writes an .npz archive, atomically, with a comment of the archive.
void write_archive(const std::filesystem::path& path, const Variables& variables,
                   io::Compression compression, const std::string& comment);

/// Reads all arrays as fresh variables. Throws Error for names that Variables cannot hold.
Variables read_variables(const StoredArrays& stored, io::Float16 float16);

}  // namespace mnemo::detail
