#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace mnemo::detail {

/// CRC-32 of `bytes` after bytes whose CRC-32 is `before`. Where the processor multiplies 512 bits
/// without carry, at a speed at which reading a file hardly notices it; libdeflate's elsewhere.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace mnemo::detail
