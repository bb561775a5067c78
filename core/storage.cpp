#include "mnemo/core/storage.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "mnemo/core/detail/pages.hpp"
#include "mnemo/core/detail/text.hpp"

namespace mnemo {
namespace {

constexpr std::size_t header_bytes = 64;
static_assert(sizeof(Storage) <= header_bytes);

// Blocks come in eight sizes between one power of two and the next, so that at most an eighth is
// wasted and a freed block serves requests of nearly the same size.
struct SizeClass {
  std::size_t index;
  std::size_t block_bytes;
};

SizeClass size_class(std::size_t bytes) {
  const std::size_t wanted = (bytes + 63) / 64 * 64;
  const int exponent = std::bit_width(wanted) - 1;
  const std::size_t step = std::size_t{1} << (exponent - 3);
  const std::size_t block = (wanted + step - 1) / step * step;
  const auto eighths = block / step;  // 8 to 16; 16 is the next power of two
  return {static_cast<std::size_t>(exponent) * 8 + eighths - 8, block};
}

void* system_allocate(std::size_t block_bytes) {
  const bool huge = block_bytes >= 2 * detail::huge_page;
  void* const block = detail::allocate_pages(block_bytes, 64, huge).data;
  if (!block) detail::fail("tensor: cannot allocate ", block_bytes, " bytes");
  return block;
}

// A lock that is held for some nanoseconds, and costs a third of a mutex: every tensor takes it
// twice.
class BriefLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

class Cache {
 public:
  void* take(std::size_t bytes, std::size_t& block_bytes) {
    const SizeClass size = size_class(bytes);
    block_bytes = size.block_bytes;
    {
      const std::lock_guard lock(lock_);
      statistics_.in_use += block_bytes;
      statistics_.peak_in_use = std::max(statistics_.peak_in_use, statistics_.in_use);
      if (Free* const block = free_[size.index]) {
        free_[size.index] = block->next;
        statistics_.cached -= block_bytes;
        ++statistics_.reused;
        return block;
      }
      ++statistics_.fresh;
    }
    try {
      return system_allocate(block_bytes);
    } catch (const Error&) {
      empty();  // what the cache holds may be just what is missing
    }
    try {
      return system_allocate(block_bytes);
    } catch (const Error&) {
      const std::lock_guard lock(lock_);
      statistics_.in_use -= block_bytes;
      throw;
    }
  }

  void give_back(void* block, std::size_t block_bytes) noexcept {
    {
      const std::lock_guard lock(lock_);
      statistics_.in_use -= block_bytes;
      if (statistics_.cached + block_bytes <= limit_) {
        Free*& first = free_[size_class(block_bytes).index];
        first = new (block) Free{first};
        statistics_.cached += block_bytes;
        return;
      }
    }
    std::free(block);
  }

  void set_limit(std::size_t bytes) {
    {
      const std::lock_guard lock(lock_);
      limit_ = bytes;
      if (statistics_.cached <= limit_) return;
    }
    empty();
  }

  void empty() noexcept {
    const std::lock_guard lock(lock_);
    for (Free*& first : free_) {
      while (first) std::free(std::exchange(first, first->next));
    }
    statistics_.cached = 0;
  }

  memory::Statistics statistics() {
    const std::lock_guard lock(lock_);
    return statistics_;
  }

 private:
  struct Free {
    Free* next;
  };

  BriefLock lock_;
  std::array<Free*, 64 * 8 + 9> free_{};
  std::size_t limit_ = std::size_t{2} << 30;
  memory::Statistics statistics_{};
};

// Never destroyed: tensors with static storage duration give their blocks back after main.
Cache& cache() {
  static Cache* const instance = new Cache;
  return *instance;
}

}  // namespace

Ref<Storage> Storage::allocate(std::size_t bytes) {
  if (bytes > std::size_t{1} << 56) detail::fail("tensor: cannot allocate ", bytes, " bytes");
  std::size_t block_bytes = 0;
  void* const block = cache().take(header_bytes + bytes, block_bytes);
  auto* const storage = new (block) Storage(static_cast<std::byte*>(block) + header_bytes, bytes);
  storage->block_ = block_bytes;
  return Ref<Storage>(storage);
}

Ref<Storage> Storage::borrow(void* data, std::size_t bytes, std::shared_ptr<const void> owner) {
  auto* const storage = new Storage(data, bytes);
  storage->owner_ = std::move(owner);
  return Ref<Storage>(storage);
}

void destroy(Storage* storage) noexcept {
  const std::size_t block_bytes = storage->block_;
  if (block_bytes == 0) {
    delete storage;
    return;
  }
  storage->~Storage();
  cache().give_back(storage, block_bytes);
}

namespace memory {

Statistics statistics() { return cache().statistics(); }
void set_cache_limit(std::size_t bytes) { cache().set_limit(bytes); }
void empty_cache() { cache().empty(); }

}  // namespace memory
}  // namespace mnemo
