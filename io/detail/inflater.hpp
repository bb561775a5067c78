#pragma once
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mnemo/io/detail/file.hpp"

namespace mnemo::detail {

struct StoredArray;

/// The bytes that a deflated array unpacks to, from front to back; of one array after another.
class Inflater {
 public:
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  /// Begins with `array`, which is in `file`; both must stay while it is read.
  void start(const InputFile& file, const StoredArray& array);
  /// Exactly `count` bytes. Throws Error where the stream is damaged or has fewer.
  void read(void* target, std::size_t count);
  /// Likewise, for nobody.
  void skip(std::size_t count);
  /// Throws Error unless the stream ends here, and with it the packed bytes.
  void expect_end();
  /// CRC-32 of what has been read.
  std::uint32_t crc() const { return crc_; }

 private:
  template <class... Parts>
  [[noreturn]] void bad(const Parts&... parts) const;
  /// One call of zlib; returns how many bytes it made.
  std::size_t step(unsigned char* target, std::size_t count);

  const InputFile* file_ = nullptr;
  const StoredArray* array_ = nullptr;
  std::uint64_t at_ = 0;
  std::uint64_t left_ = 0;
  z_stream stream_{};
  std::vector<unsigned char> input_;
  std::uint32_t crc_ = 0;
  bool ended_ = false;
};

}  // namespace mnemo::detail
