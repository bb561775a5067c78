#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "mnemo/core/variables.hpp"
#include "mnemo/io/detail/arrays.hpp"
#include "mnemo/io/npz.hpp"

namespace mnemo::detail {

/// Writes an .npz archive, atomically, with a comment of the archive.
void write_archive(const std::filesystem::path& path, const Variables& variables,
                   io::Compression compression, const std::string& comment, bool durable);

/// Writes an .npy file, atomically.
void write_array(const std::filesystem::path& path, const Tensor& tensor, bool durable);

/// Throws Error for names that Variables cannot hold.
void check_names(const StoredArrays& stored);

/// Tells of members and files that are no arrays.
void warn_of_others(const StoredArrays& stored,
                    const std::function<void(const std::string&)>& warn);

/// Reads all arrays as fresh variables. Throws Error for names that Variables cannot hold.
Variables read_variables(const StoredArrays& stored, io::Float16 float16);

}  // namespace mnemo::detail
