#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "mnemo/core/ref.hpp"

namespace mnemo {

/// The bytes behind one or more tensors, and the count of writes to them.
class Storage : public RefCounted {
 public:
  /// Uninitialised bytes, 64-byte aligned, from the cache of freed blocks where it has some.
  static Ref<Storage> allocate(std::size_t bytes);
  /// Bytes that `owner` keeps alive: a mapped file, a user's buffer.
  static Ref<Storage> borrow(void* data, std::size_t bytes, std::shared_ptr<const void> owner);

  void* data() const { return data_; }          ///< 64-byte aligned unless borrowed
  std::size_t bytes() const { return bytes_; }  ///< as they were asked for
  /// Goes up with every write in place; a derivative that kept an older version refuses to be used.
  std::uint32_t version() const { return version_; }
  void written() { ++version_; }  ///< counts one write in place
  /// Whether the bytes are the library's own, not borrowed.
  bool owned() const { return block_ != 0; }

 private:
  Storage(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  ~Storage() = default;
  friend void destroy(Storage* storage) noexcept;

  void* data_;
  std::size_t bytes_;
  std::size_t block_ = 0;  // bytes of the cached block this header begins; 0 for borrowed bytes
  std::uint32_t version_ = 0;
  std::shared_ptr<const void> owner_;
};

/// Gives the block back to the cache, or lets the owner of borrowed bytes go. Ref calls it.
void destroy(Storage* storage) noexcept;

/// The cache of freed tensor storage. A fresh large buffer costs three times the arithmetic in page
/// faults, so freed blocks are kept by size and handed out again.
namespace memory {

/// What the cache holds and has done since the program began.
struct Statistics {
  std::size_t in_use;       ///< bytes of blocks that tensors hold now
  std::size_t peak_in_use;  ///< the most that `in_use` has been
  std::size_t cached;       ///< bytes of free blocks kept for reuse
  std::uint64_t reused;     ///< allocations served from the cache so far
  std::uint64_t fresh;      ///< allocations that the cache had no block for
};
/// As of now, of all threads together.
Statistics statistics();

/// The most bytes of free blocks to keep. Default 2 GiB. Blocks of less than 16 KiB share huge pages,
/// 16 MiB at a time, and so do larger ones of less than 4 MiB. They are given back with the last of
/// their neighbours: while one of these is in use, the others are kept, and count as cached, beyond
/// the limit too.
void set_cache_limit(std::size_t bytes);

/// Gives every free block back to the operating system that shares no pages with a block in use, and
/// what graphs that are gone have left, beside what other threads keep at hand of it.
void empty_cache();

}  // namespace memory
}  // namespace mnemo
