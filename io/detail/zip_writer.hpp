#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mnemo/io/detail/file.hpp"

namespace mnemo::detail {

/// Writes a zip archive from front to back.
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  struct Member {
    std::string name;
    std::uint32_t crc = 0;   ///< of the unpacked bytes
    std::uint64_t size = 0;  ///< of the unpacked bytes
    bool deflated = false;
  };
  /// `pieces` are the member's bytes as they go into the file. Those of stored members begin at a
  /// multiple of 64.
  void add(const Member& member, std::span<const std::span<const std::byte>> pieces);
  /// The central directory.
  void finish(const std::string& comment);

 private:
  AtomicFile& file_;
  std::string central_;
  std::uint64_t count_ = 0;
};

}  // namespace mnemo::detail
