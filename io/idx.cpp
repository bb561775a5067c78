#include "mnemo/io/idx.hpp"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/file.hpp"
#include "mnemo/io/detail/npy_format.hpp"

namespace mnemo::io {
namespace {

using detail::fail;

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::size_t most_axes = 32;                     // NumPy's limit
constexpr std::size_t most_bytes = std::size_t{1} << 60;  // sums with a header's bytes still fit
// Deflate turns at most 258 bytes into two bits (zlib's "maximum compression factor").
constexpr std::uint64_t most_expansion = 1032;

/// The beginning of a file, long enough for any header, and of what is inside it if it is compressed.
struct Beginning {
  bool compressed;
  std::vector<unsigned char> bytes;
};

/// libdeflate, which takes a third of zlib's time for the whole, cannot unpack a part.
std::vector<unsigned char> unpacked_beginning(std::vector<unsigned char>& packed,
                                              std::size_t most) {
  std::vector<unsigned char> bytes(most);
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return {};  // 16: gzip
  stream.next_in = packed.data();
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = bytes.data();
  stream.avail_out = static_cast<uInt>(most);
  inflate(&stream, Z_SYNC_FLUSH);  // what is wrong with the stream is seen when all of it is read
  inflateEnd(&stream);
  bytes.resize(most - stream.avail_out);
  return bytes;
}

Beginning beginning_of(const detail::InputFile& file) {
  std::vector<unsigned char> bytes(std::min<std::uint64_t>(file.size(), chunk_bytes));
  file.read_at(0, bytes.data(), bytes.size());
  const bool compressed = bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
  if (compressed) bytes = unpacked_beginning(bytes, 4 + 4 * most_axes);
  return {compressed, std::move(bytes)};
}

struct Header {
  DType dtype;
  Shape shape;
  std::uint64_t header_bytes;
  std::uint64_t payload_bytes;
};

DType dtype_of(unsigned char type, const std::string& name) {
  switch (type) {
    case 0x08: return DType::uint8;
    case 0x09: return DType::int8;
    case 0x0B: return DType::int16;
    case 0x0C: return DType::int32;
    case 0x0D: return DType::float32;
    case 0x0E: return DType::float64;
    default: fail(name, ": IDX elements of type ", int{type}, ", which there is not");
  }
}

Header read_header(std::span<const unsigned char> bytes, const std::string& name,
                   std::size_t limit) {
  if (bytes.size() < 4) fail(name, ": too short for an IDX file");
  if (bytes[0] != 0 || bytes[1] != 0) {
    fail(name, ": not an IDX file; it begins with bytes ", int{bytes[0]}, " ", int{bytes[1]}, " ",
         int{bytes[2]}, " ", int{bytes[3]}, ", expected 0 0, a type and the number of axes");
  }
  const DType dtype = dtype_of(bytes[2], name);
  const std::size_t rank = bytes[3];
  if (rank < 1 || rank > most_axes) {
    fail(name, ": ", rank, " axes; an IDX file has 1 to ", most_axes);
  }
  if (bytes.size() < 4 + 4 * rank) fail(name, ": ends inside its header of ", rank, " axes");
  Header header{dtype, Shape(rank, 0), 4 + 4 * rank, item_size(dtype)};
  bool fits = true;  // counting every axis but the empty ones, so that no product can overflow
  bool any_empty = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const unsigned char* at = &bytes[4 + 4 * axis];
    const std::uint64_t length =
        std::uint64_t{at[0]} << 24 | std::uint64_t{at[1]} << 16 | std::uint64_t{at[2]} << 8 | at[3];
    header.shape[axis] = static_cast<std::int64_t>(length);
    any_empty |= length == 0;
    if (length > 0 && fits) fits = length <= limit && header.payload_bytes <= limit / length;
    if (length > 0 && fits) header.payload_bytes *= length;
  }
  if (!fits) {
    fail(name, ": shape ", header.shape, " implies more than the limit of ", limit, " bytes");
  }
  if (any_empty) header.payload_bytes = 0;
  return header;
}

/// Refuses a file whose size alone contradicts its header, before memory is asked for.
void check_size(const Header& header, const detail::InputFile& file, bool compressed) {
  const std::uint64_t expected = header.header_bytes + header.payload_bytes;
  if (!compressed && file.size() != expected) {
    fail(file.name(), ": ", file.size(), " bytes, but shape ", header.shape, " needs ", expected);
  }
  if (compressed && expected / most_expansion > file.size()) {
    fail(file.name(), ": ", file.size(), " compressed bytes cannot hold the ", expected,
         " of shape ", header.shape, "; the file is truncated or its header is wrong");
  }
  // What cannot be compressed grows by five bytes in every 16 KiB or so; the rest is for gzip's
  // header. More than that is no data, only work.
  if (compressed && file.size() > expected + expected / 1000 + chunk_bytes) {
    fail(file.name(), ": ", file.size(), " compressed bytes are too many for the ", expected,
         " of shape ", header.shape);
  }
}

/// The elements of a compressed file, as they are in it.
Tensor unpacked_elements(const Header& header, const detail::InputFile& file) {
  const auto more = [&] {
    fail(file.name(), ": more bytes than the ", header.payload_bytes, " of shape ", header.shape);
  };
  const auto bytes = [](std::uint64_t count) {
    return Tensor({static_cast<std::int64_t>(count)}, DType::uint8);
  };
  const Tensor packed = bytes(file.size());
  file.read_at(0, packed.mutable_raw(), packed.bytes());
  const auto all =
      std::make_shared<const Tensor>(bytes(header.header_bytes + header.payload_bytes));
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> gzip(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!gzip) throw std::bad_alloc();
  std::size_t read = 0;
  std::size_t written = 0;
  const libdeflate_result result = libdeflate_gzip_decompress_ex(
      gzip.get(), packed.raw(), packed.bytes(), all->mutable_raw(), all->bytes(), &read, &written);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) more();
  if (result != LIBDEFLATE_SUCCESS) {
    fail(file.name(), ": the gzip stream is damaged or truncated");
  }
  if (written != all->bytes()) {
    fail(file.name(), ": ends after ", written - header.header_bytes, " of the ",
         header.payload_bytes, " bytes of shape ", header.shape);
  }
  if (read != packed.bytes()) more();
  // In the same memory, to its front, where elements of any type are aligned.
  auto* const front = static_cast<std::byte*>(all->mutable_raw());
  std::memmove(front, front + header.header_bytes, header.payload_bytes);
  return Tensor(Storage::borrow(front, header.payload_bytes, all), header.shape, header.dtype);
}

}  // namespace

Tensor read_idx(const std::filesystem::path& path, std::size_t limit) {
  const detail::InputFile file(path);
  const Beginning beginning = beginning_of(file);
  const Header header = read_header(beginning.bytes, file.name(), std::min(limit, most_bytes));
  check_size(header, file, beginning.compressed);
  detail::NpyHeader big_endian;
  big_endian.shape = header.shape;
  big_endian.dtype = header.dtype;
  big_endian.swapped = item_size(header.dtype) > 1;
  if (beginning.compressed) {
    return detail::decode_npy(big_endian, unpacked_elements(header, file));
  }
  const Tensor elements(header.shape, header.dtype);
  file.read_at(header.header_bytes, elements.mutable_raw(), elements.bytes());
  return detail::decode_npy(big_endian, elements);
}

}  // namespace mnemo::io
