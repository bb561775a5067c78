#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace mnemo::detail {

// Little-endian numbers at any address.

inline std::uint16_t load16(const unsigned char* at) {
  return static_cast<std::uint16_t>(at[0] | at[1] << 8);
}
inline std::uint32_t load32(const unsigned char* at) {
  return load16(at) | static_cast<std::uint32_t>(load16(at + 2)) << 16;
}
inline std::uint64_t load64(const unsigned char* at) {
  return load32(at) | static_cast<std::uint64_t>(load32(at + 4)) << 32;
}

template <class Number>
void append_number(std::string& to, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    to += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xFF);
  }
}

}  // namespace mnemo::detail
