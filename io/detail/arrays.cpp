#include "mnemo/io/detail/arrays.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/bytes.hpp"
#include "mnemo/io/detail/crc.hpp"
#include "mnemo/io/detail/inflater.hpp"
#include "mnemo/io/detail/shown.hpp"
#include "mnemo/io/detail/zip_reader.hpp"

namespace mnemo::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view suffix = ".npy";
constexpr std::string_view not_npy = ": no .npy file (it does not begin with NumPy's magic bytes)";
constexpr std::uint64_t chunk_bytes = 512 * 1024;  // stays in the cache between reading and its CRC

/// Where in its place the array's name is: without ".npy", as NumPy's keys are, and without what is
/// before `begin` and the "./" that archivers put before all they find in the current folder.
void find_name(StoredArray& array, std::size_t begin) {
  std::string_view name = std::string_view(array.place).substr(begin);
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  if (name.starts_with("./")) name.remove_prefix(2);
  array.name_begin = static_cast<std::uint32_t>(name.data() - array.place.data());
  array.name_bytes = static_cast<std::uint32_t>(name.size());
}

/// What is no array is read as one of its bytes.
StoredArray array_of_bytes(StoredArray array, std::uint64_t size) {
  array.header = {
      .dtype = DType::uint8, .data_bytes = size, .shape = {static_cast<std::int64_t>(size)}};
  return array;
}

/// One for each thread: to start zlib takes longer than to unpack a small array.
Inflater& inflater_at(const InputFile& file, const StoredArray& array) {
  thread_local Inflater inflater;
  inflater.start(file, array);
  return inflater;
}

/// Reads headers of the arrays in a file.
class Headers {
 public:
  Headers(const InputFile& file, HeaderReader& reader) : file_(file), reader_(reader) {}

  /// For an array whose place is known. `size` is what the .npy unpacks to. False if it is no .npy file
  /// at all.
  bool read(StoredArray& array, std::uint64_t size) {
    std::span<const std::byte> bytes = first(array, std::min<std::uint64_t>(size, 256), size);
    if (!is_npy(bytes)) return false;
    // There may be many arrays: where this one is is told only where something is wrong.
    const auto parsed = [&](const auto& parse) {
      try {
        return parse(bytes);
      } catch (const Error& error) {
        fail(array.where(), ": ", error.what());
      }
    };
    const std::size_t needed = parsed(npy_header_size);
    if (needed > size) fail(array.where(), ": ends within the header; it is truncated");
    if (needed > bytes.size()) bytes = first(array, needed, size);
    bytes = bytes.first(needed);
    if (!std::equal(bytes.begin(), bytes.end(), last_bytes_.begin(), last_bytes_.end())) {
      last_ = parsed(parse_npy_header);
      last_bytes_.assign(bytes.begin(), bytes.end());
    }
    array.header = last_;
    array.header_crc = crc32(bytes);
    const std::uint64_t data = size - array.header.header_bytes;
    if (data != array.header.data_bytes) {
      fail(array.where(), ": shape ", array.header.shape, " of ", array.header.dtype, " takes ",
           array.header.data_bytes, " bytes, but ", data, " follow the header; it is ",
           data < array.header.data_bytes ? "truncated" : "too long");
    }
    return true;
  }

 private:
  std::span<const std::byte> first(const StoredArray& array, std::size_t count,
                                   std::uint64_t size) {
    if (!array.deflated) return std::as_bytes(reader_.read(array.begin, count, size));
    unpacked_.resize(count);
    inflater_at(file_, array).read(unpacked_.data(), count);
    return unpacked_;
  }

  const InputFile& file_;
  HeaderReader& reader_;
  std::vector<std::byte> unpacked_;
  std::vector<std::byte> last_bytes_;  // the next header is often the same
  NpyHeader last_;
};

void open_archive(std::shared_ptr<const InputFile> file, StoredArrays& stored) {
  ZipReader reader(*file);
  stored.comment = reader.comment();
  stored.arrays.reserve(reader.count());
  Headers headers(*file, reader.local_headers());
  while (std::optional<ZipMember> member = reader.next()) {
    StoredArray array{.place = std::move(member->name),
                      .file = file,
                      .begin = member->begin,
                      .packed = member->packed,
                      .deflated = member->deflated,
                      .crc = member->crc};
    find_name(array, 0);
    if (headers.read(array, member->size)) {
      stored.arrays.push_back(std::move(array));
    } else if (array.place.ends_with(suffix)) {
      fail(array.where(), not_npy);
    } else {
      stored.others.push_back(array_of_bytes(std::move(array), member->size));
    }
  }
}

/// The end of the file's path, of this length, is the array's name.
void open_single(const InputFile& file, std::size_t name_bytes, StoredArrays& stored) {
  StoredArray array{.place = file.name(), .packed = file.size()};
  find_name(array, array.place.size() - name_bytes);
  HeaderReader reader(file);
  if (!Headers(file, reader).read(array, file.size())) fail(file.name(), not_npy);
  stored.arrays.push_back(std::move(array));
}

void open_folder(const fs::path& folder, StoredArrays& stored) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) continue;
    paths.push_back(entry->path().lexically_relative(folder));
  }
  if (error) fail(folder.string(), ": cannot be read: ", error.message());
  std::sort(paths.begin(), paths.end());  // folders have no order of their own
  for (const fs::path& path : paths) {
    const std::string name = path.generic_string();
    if (name.ends_with(suffix)) {
      if (shown(name, name.size()) != name) {
        fail(folder.string(), ": the name '", shown(name),
             "' has control characters, or is no UTF-8");
      }
      const InputFile file(folder / path);
      stored.file_bytes += file.size();
      open_single(file, name.size(), stored);
    } else {
      stored.others.push_back({.place = name});
    }
  }
}

[[noreturn]] void fail_unknown(const InputFile& file, const std::array<unsigned char, 8>& start) {
  const bool hdf5 = std::memcmp(start.data(), "\x89HDF\r\n\x1a\n", 8) == 0;
  const bool pickle = start[0] == 0x80 && start[1] <= 5;
  const bool gzip = start[0] == 0x1f && start[1] == 0x8b;
  fail(file.name(), ": neither an .npz archive nor an .npy file",
       hdf5     ? " (it is HDF5)"
       : pickle ? " (it looks like a Python pickle, which is never loaded)"
       : gzip   ? " (it is compressed by gzip)"
                : "");
}

void refuse_equal_names(const StoredArrays& stored) {
  // By hashes, which is faster than by names; small, since there may be many.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sorted;
  sorted.reserve(stored.arrays.size());
  for (std::uint32_t i = 0; i < stored.arrays.size(); ++i) {
    const std::size_t hash = std::hash<std::string_view>()(stored.arrays[i].name());
    sorted.emplace_back(static_cast<std::uint32_t>(hash), i);
  }
  const auto name = [&](const auto& entry) { return stored.arrays[entry.second].name(); };
  std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : name(a) < name(b);
  });
  const auto twice = std::adjacent_find(
      sorted.begin(), sorted.end(),
      [&](const auto& a, const auto& b) { return a.first == b.first && name(a) == name(b); });
  if (twice != sorted.end()) {
    fail(stored.where, ": there are two arrays '", shown(name(*twice)), "'");
  }
}

/// Elements to be read: of one array, the bytes from `begin` on, as many as `piece_bytes` says.
struct Piece {
  std::uint32_t array;
  std::uint32_t crc;
  std::uint64_t begin;
};

/// A deflated array is in one piece, and so is an empty one.
std::uint64_t piece_bytes(const StoredArray& array, std::uint64_t begin) {
  const std::uint64_t left = array.header.data_bytes - begin;
  return array.deflated ? left : std::min(left, chunk_bytes);
}

void read_piece(const StoredArray& array, const Tensor& tensor, Piece& piece) {
  const std::shared_ptr<const InputFile> file = file_of(array);
  auto* const data = static_cast<std::byte*>(tensor.storage()->data()) + piece.begin;
  const std::size_t count = piece_bytes(array, piece.begin);
  if (array.deflated) {
    Inflater& inflater = inflater_at(*file, array);
    inflater.skip(array.header.header_bytes);
    inflater.read(data, count);
    inflater.expect_end();
    piece.crc = inflater.crc();
    return;
  }
  file->read_at(array.begin + array.header.header_bytes + piece.begin, data, count);
  if (array.crc) piece.crc = crc32({data, count});
}

std::vector<Piece> cut(std::span<const StoredArray* const> arrays) {
  std::vector<Piece> pieces;
  pieces.reserve(arrays.size());
  for (std::uint32_t i = 0; i < arrays.size(); ++i) {
    std::uint64_t begin = 0;
    do {
      pieces.push_back({i, 0, begin});
      begin += piece_bytes(*arrays[i], begin);
    } while (begin < arrays[i]->header.data_bytes);
  }
  return pieces;
}

/// Throws Error where the pieces, which are all arrays' in their order, are not what was written.
void check_crcs(std::span<const StoredArray* const> arrays, std::span<const Piece> pieces) {
  auto piece = pieces.begin();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const StoredArray& array = *arrays[i];
    uLong crc = array.header_crc;
    for (; piece != pieces.end() && piece->array == i; ++piece) {
      crc = array.deflated
                ? piece->crc  // the header's with it
                : ::crc32_combine(crc, piece->crc,
                                  static_cast<z_off_t>(piece_bytes(array, piece->begin)));
    }
    if (array.crc && crc != *array.crc) {
      fail(array.where(), ": damaged (its CRC-32 does not match)");
    }
  }
}

}  // namespace

std::string StoredArray::where() const {
  return file ? text(file->name(), ": '", shown(place), "'") : place;
}

StoredArrays open_arrays(const fs::path& path) {
  StoredArrays stored;
  stored.where = path.string();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    open_folder(path, stored);
    return stored;
  }
  const auto file = std::make_shared<const InputFile>(path);
  stored.file_bytes = file->size();
  std::array<unsigned char, 8> start{};
  file->read_at(0, start.data(), std::min<std::uint64_t>(start.size(), file->size()));
  if (is_npy(std::as_bytes(std::span(start)))) {
    open_single(*file, path.filename().string().size(), stored);
  } else if (is_zip(load32(start.data()))) {
    open_archive(file, stored);
  } else if (file->size() == 0) {
    fail(file->name(), ": empty");
  } else {
    fail_unknown(*file, start);
  }
  refuse_equal_names(stored);
  return stored;
}

std::shared_ptr<const InputFile> file_of(const StoredArray& array) {
  if (array.file) return array.file;
  auto file = std::make_shared<const InputFile>(fs::path(array.place));
  if (file->size() != array.packed) fail(array.place, ": changed while it was read");
  return file;
}

void refuse_bombs(const StoredArrays& stored) {
  // Trained weights deflate to nine tenths, rarely to a tenth; zeros to a thousandth.
  constexpr std::uint64_t harmless = 32 << 20;
  constexpr std::uint64_t most_expansion = 200;
  std::uint64_t unpacked = 0;
  const auto add = [&](const StoredArray& array) {
    if (!array.deflated) return;
    // Fortran order needs a second copy while it is turned, float16 a wider one.
    const bool copied = array.header.fortran_order || array.header.dtype == DType::float16;
    unpacked += std::min<std::uint64_t>(array.size(), std::uint64_t{1} << 48) * (copied ? 3 : 1);
    if (unpacked > harmless && unpacked / most_expansion > stored.file_bytes) {
      fail(stored.where, ": unpacks to more than ", most_expansion, " times its size of ",
           stored.file_bytes, " bytes, as no checkpoint does; refused as a zip bomb");
    }
  };
  std::for_each(stored.arrays.begin(), stored.arrays.end(), add);
  std::for_each(stored.others.begin(), stored.others.end(), add);
}

std::vector<Tensor> read_arrays(std::span<const StoredArray* const> arrays, io::Float16 float16) {
  std::vector<Tensor> tensors;
  tensors.reserve(arrays.size());
  for (const StoredArray* array : arrays) {
    tensors.emplace_back(raw_shape(array->header), array->header.dtype);
  }
  std::vector<Piece> pieces = cut(arrays);
  parallel_blocks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t index) {
    Piece& piece = pieces[static_cast<std::size_t>(index)];
    read_piece(*arrays[piece.array], tensors[piece.array], piece);
  });
  check_crcs(arrays, pieces);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    tensors[i] = decode_npy(arrays[i]->header, std::move(tensors[i]));
    if (float16 == io::Float16::to_float32 && tensors[i].dtype() == DType::float16) {
      tensors[i] = cast(tensors[i], DType::float32);
    }
  }
  return tensors;
}

}  // namespace mnemo::detail
