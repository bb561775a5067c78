#pragma once
#include <string>
#include <string_view>

namespace mnemo::detail {

/// A name out of a file, for a message of one line: no line feeds, no escapes of a terminal, no end
/// where it has none.
inline std::string shown(std::string_view name) {
  constexpr std::size_t most = 200;
  std::string text;
  for (const char c : name.substr(0, most)) {
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return name.size() > most ? text + "..." : text;
}

}  // namespace mnemo::detail
