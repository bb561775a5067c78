#include "mnemo/io/idx.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

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

/// The bytes inside a file, whether or not it is compressed.
class Source {
 public:
  explicit Source(const detail::InputFile& file) : file_(file) {
    std::array<unsigned char, 2> start{};
    compressed_ =
        read_file(start.data(), start.size()) == 2 && start[0] == 0x1f && start[1] == 0x8b;
    at_ = 0;
    // 16: a gzip header and trailer are expected, and the checksum is compared.
    if (compressed_ && inflateInit2(&stream_, MAX_WBITS + 16) != Z_OK) {
      fail(file_.name(), ": zlib could not start");
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (compressed_) inflateEnd(&stream_);
  }

  bool compressed() const { return compressed_; }

  /// Up to `count` bytes; fewer only at the end. Throws Error where the compressed stream is
  /// damaged or ends early.
  std::size_t read(void* target, std::size_t count) {
    if (!compressed_) return read_file(target, count);
    std::size_t done = 0;
    while (done < count && !ended_) {
      done += inflate_some(static_cast<unsigned char*>(target) + done, count - done);
    }
    return done;
  }

  /// Whether nothing follows what was read, inside the compressed stream and behind it.
  bool at_end() {
    unsigned char extra;
    return read(&extra, 1) == 0 && (!compressed_ || stream_.avail_in == 0) &&
           read_file(&extra, 1) == 0;
  }

 private:
  /// Up to `count` bytes of the file itself.
  std::size_t read_file(void* target, std::size_t count) {
    count = std::min<std::uint64_t>(count, file_.size() - at_);
    if (count > 0) file_.read_at(at_, target, count);
    at_ += count;
    return count;
  }

  std::size_t inflate_some(unsigned char* target, std::size_t count) {
    if (stream_.avail_in == 0) {
      const std::size_t got = read_file(input_.data(), input_.size());
      if (got == 0) fail(file_.name(), ": the gzip stream ends early; the file is truncated");
      stream_.next_in = input_.data();
      stream_.avail_in = static_cast<uInt>(got);
    }
    const auto room = static_cast<uInt>(std::min<std::size_t>(count, std::size_t{1} << 30));
    stream_.next_out = target;
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      ended_ = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail(file_.name(), ": the gzip stream is damaged (",
           stream_.msg != nullptr ? stream_.msg : "zlib error", ")");
    }
    return room - stream_.avail_out;
  }

  const detail::InputFile& file_;
  std::uint64_t at_ = 0;
  bool compressed_ = false;
  bool ended_ = false;
  z_stream stream_{};
  std::array<unsigned char, chunk_bytes> input_;
};

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

Header read_header(Source& source, const std::string& name, std::size_t limit) {
  std::array<unsigned char, 4> magic{};
  if (source.read(magic.data(), magic.size()) != magic.size()) {
    fail(name, ": too short for an IDX file");
  }
  if (magic[0] != 0 || magic[1] != 0) {
    fail(name, ": not an IDX file; it begins with bytes ", int{magic[0]}, " ", int{magic[1]}, " ",
         int{magic[2]}, " ", int{magic[3]}, ", expected 0 0, a type and the number of axes");
  }
  const DType dtype = dtype_of(magic[2], name);
  const std::size_t rank = magic[3];
  if (rank < 1 || rank > most_axes) {
    fail(name, ": ", rank, " axes; an IDX file has 1 to ", most_axes);
  }
  std::array<unsigned char, 4 * most_axes> lengths{};
  if (source.read(lengths.data(), 4 * rank) != 4 * rank) {
    fail(name, ": ends inside its header of ", rank, " axes");
  }
  Header header{dtype, Shape(rank, 0), 4 + 4 * rank, item_size(dtype)};
  bool fits = true;  // counting every axis but the empty ones, so that no product can overflow
  bool any_empty = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const unsigned char* bytes = &lengths[4 * axis];
    const std::uint64_t length = std::uint64_t{bytes[0]} << 24 | std::uint64_t{bytes[1]} << 16 |
                                 std::uint64_t{bytes[2]} << 8 | bytes[3];
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

}  // namespace

Tensor read_idx(const std::filesystem::path& path, std::size_t limit) {
  const detail::InputFile file(path);
  Source source(file);
  const Header header = read_header(source, file.name(), std::min(limit, most_bytes));
  check_size(header, file, source.compressed());
  const Tensor result(header.shape, header.dtype);
  const std::size_t got =
      source.read(result.mutable_raw(), static_cast<std::size_t>(header.payload_bytes));
  if (got != header.payload_bytes) {
    fail(file.name(), ": ends after ", got, " of the ", header.payload_bytes, " bytes of shape ",
         header.shape);
  }
  if (!source.at_end()) {
    fail(file.name(), ": more bytes than the ", header.payload_bytes, " of shape ", header.shape);
  }
  detail::NpyHeader big_endian;
  big_endian.shape = header.shape;
  big_endian.dtype = header.dtype;
  big_endian.swapped = item_size(header.dtype) > 1;
  return detail::decode_npy(big_endian, result);
}

}  // namespace mnemo::io
