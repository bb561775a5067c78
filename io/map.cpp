#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/detail/archive.hpp"
#include "mnemo/io/detail/arrays.hpp"

namespace mnemo::io {
namespace {

using detail::StoredArray;

/// A whole file in memory. Pages come from the disk when they are touched; written ones are copies.
class Mapping {
 public:
  explicit Mapping(const detail::InputFile& file) : size_(file.size()) {
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.descriptor(), 0);
    if (data_ == MAP_FAILED) {
      detail::fail(file.name(), ": cannot be mapped: ", std::generic_category().message(errno));
    }
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(data_, size_); }

  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  std::size_t size_;
  void* data_;
};

/// Whether the elements in the file are as they would be in memory. Bools are not: any byte may stand
/// there, and a C++ bool is 0 or 1.
bool can_be_mapped(const StoredArray& array, Float16 float16) {
  const detail::NpyHeader& header = array.header;
  const std::uint64_t place = array.begin + header.header_bytes;
  return !array.deflated && !header.swapped && !header.fortran_order && header.data_bytes > 0 &&
         header.dtype != DType::boolean && place % item_size(header.dtype) == 0 &&
         (header.dtype != DType::float16 || float16 == Float16::keep);
}

}  // namespace

Variables map(const std::filesystem::path& path, const ReadOptions& options) {
  const detail::StoredArrays stored = detail::open_arrays(path);
  detail::check_names(stored);
  detail::refuse_bombs(stored);
  Variables variables;
  std::shared_ptr<const detail::InputFile> mapped_file;
  std::shared_ptr<const Mapping> mapping;
  for (const StoredArray& array : stored.arrays) {
    if (!can_be_mapped(array, options.float16)) {
      const StoredArray* const one = &array;
      variables.add(std::string(array.name()),
                    detail::read_arrays(std::span(&one, 1), options.float16)[0]);
      continue;
    }
    const auto file = detail::file_of(array);
    if (file != mapped_file) mapping = std::make_shared<const Mapping>(*file);
    mapped_file = file;
    const detail::NpyHeader& header = array.header;
    std::byte* const elements = mapping->data() + array.begin + header.header_bytes;
    variables.add(
        std::string(array.name()),
        Tensor(Storage::borrow(elements, header.data_bytes, mapping), header.shape, header.dtype));
  }
  detail::warn_of_others(stored, options.warn);
  return variables;
}

}  // namespace mnemo::io
