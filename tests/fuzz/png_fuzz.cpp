/// Any bytes as a picture, with the checksums of its chunks put right first, or nearly none would be
/// looked into: an Error, or a picture within the limit.
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "memory_file.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/image.hpp"

namespace {

std::size_t big_endian(const std::uint8_t* at) {
  return std::size_t{at[0]} << 24 | std::size_t{at[1]} << 16 | std::size_t{at[2]} << 8 | at[3];
}

void correct_checksums(std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t length = big_endian(&bytes[at]);
    if (length > bytes.size() - at - 12) return;
    const uLong crc = crc32_z(0, &bytes[at + 4], length + 4);
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[at + 8 + length + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    }
    at += length + 12;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  constexpr std::size_t limit = 1 << 20;
  std::vector<std::uint8_t> bytes(data, data + size);
  correct_checksums(bytes);
  const std::string& path = file.with(bytes.data(), bytes.size());
  try {
    const mnemo::Tensor picture = mnemo::io::read_png(path, mnemo::io::Channels::as_stored, limit);
    if (picture.bytes() > limit || picture.rank() != 3) std::abort();
    for (const auto channels : {mnemo::io::Channels::grey, mnemo::io::Channels::rgb}) {
      const mnemo::Tensor turned = mnemo::io::read_png(path, channels, 3 * limit);
      if (turned.size(1) != picture.size(1) || turned.size(2) != picture.size(2)) std::abort();
      if (turned.size(0) != static_cast<std::int64_t>(channels)) std::abort();
      if (turned.size(0) == picture.size(0) &&
          std::memcmp(turned.raw(), picture.raw(), picture.bytes()) != 0) {
        std::abort();
      }
    }
  } catch (const mnemo::Error&) {
  }
  return 0;
}
