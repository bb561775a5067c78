#pragma once
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mnemo/io/detail/file.hpp"

namespace mnemo::detail {

/// The bytes that a deflated part of a file unpacks to, from front to back.
class Inflater {
 public:
  /// `where` begins every message.
  Inflater(const InputFile& file, std::uint64_t begin, std::uint64_t packed,
           const std::string& where);
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// Exactly `count` bytes. Throws Error where the stream is damaged or has fewer.
  void read(void* target, std::size_t count);
  /// Throws Error unless the stream ends here, and with it the packed bytes.
  void expect_end();
  /// CRC-32 of what has been read.
  std::uint32_t crc() const { return crc_; }

 private:
  void start();
  /// One call of zlib; returns how many bytes it made.
  std::size_t step(unsigned char* target, std::size_t count);

  const InputFile& file_;
  std::uint64_t at_;
  std::uint64_t left_;
  const std::string& where_;
  z_stream stream_{};
  std::vector<unsigned char> input_;
  std::uint32_t crc_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace mnemo::detail
