#pragma once
#include <libdeflate.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace mnemo::detail {

/// CRC-32 of `bytes` after bytes whose CRC-32 is `before`. libdeflate's is several times as fast as
/// zlib's: with it, a checksum costs a small part of the time that reading takes.
inline std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0) {
  return bytes.empty() ? before : ::libdeflate_crc32(before, bytes.data(), bytes.size());
}

}  // namespace mnemo::detail
