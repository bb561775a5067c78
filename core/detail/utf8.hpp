#pragma once
#include <cstddef>
#include <string_view>

namespace mnemo::detail {

/// The length of the UTF-8 sequence that starts at `position`, or 0 if it is malformed, overlong, a
/// surrogate or beyond U+10FFFF (RFC 3629).
inline std::size_t utf8_length(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t offset) -> unsigned {
    return position + offset < text.size() ? static_cast<unsigned char>(text[position + offset])
                                           : 0;
  };
  const auto continued = [&](std::size_t length) {
    for (std::size_t offset = 1; offset < length; ++offset) {
      if ((byte(offset) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF && continued(2)) return 2;
  if (first >= 0xE0 && first <= 0xEF && continued(3)) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && continued(4)) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool beyond = first == 0xF4 && byte(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

}  // namespace mnemo::detail
