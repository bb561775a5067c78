#include "mnemo/core/storage.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "mnemo/core/detail/cached.hpp"
#include "mnemo/core/detail/graph_object.hpp"
#include "mnemo/core/detail/pages.hpp"
#include "mnemo/core/detail/sanitized.hpp"
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

// Fresh pages cost more than the arithmetic on them, and huge ones a fraction of that. Blocks that fill
// huge pages have their own; smaller ones are cut from slabs, one behind the other, so that what is
// made together lies together. Small blocks have slabs of their own, where they keep no larger ones
// from going back to the operating system.
constexpr std::size_t least_large = std::size_t{16} << 10;
constexpr std::size_t least_huge = 2 * detail::huge_page;
constexpr std::size_t slab_bytes = 4 * least_huge;

bool is_cut(std::size_t block_bytes) {
  return !detail::address_sanitizer && block_bytes < least_huge;
}

void* expect_memory(void* memory, std::size_t bytes) {
  if (!memory) detail::fail("tensor: cannot allocate ", bytes, " bytes");
  return memory;
}

// The head of pages from which blocks are cut. They go back to the operating system together.
struct Slab {
  Slab* next;
  std::size_t cut = header_bytes;  // bytes of the head and of all blocks so far
  std::size_t in_use = 0;          // blocks that tensors hold

  // Slabs are aligned to their size.
  static Slab& of(void* block) {
    return *reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(slab_bytes - 1));
  }
  bool has_room(std::size_t block_bytes) const { return cut + block_bytes <= slab_bytes; }
  std::byte* at(std::size_t offset) { return reinterpret_cast<std::byte*>(this) + offset; }
};

// A block that waits for its next tensor, in the list of its size.
struct Free {
  std::size_t bytes;
  Free* next;
  Free* previous;
};

// A lock that is held for some nanoseconds, but where a slab comes or goes, and costs a third of a
// mutex: every tensor takes it twice.
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
        unlist(block);
        if (is_cut(block_bytes)) ++Slab::of(block).in_use;
        ++statistics_.reused;
        return block;
      }
      ++statistics_.fresh;
    }
    try {
      return fresh(block_bytes);
    } catch (const Error&) {
      empty();  // what the cache holds may be just what is missing
    }
    try {
      return fresh(block_bytes);
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
      const bool is_within_limit = statistics_.cached + block_bytes <= limit_;
      if (is_cut(block_bytes)) {
        list(block, block_bytes);
        Slab& slab = Slab::of(block);
        if (--slab.in_use == 0 && !is_within_limit) release(slab);
        return;
      }
      if (is_within_limit) return list(block, block_bytes);
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
    for (Slab* slab : slabs_) {
      while (slab) {
        Slab* const next = slab->next;
        if (slab->in_use == 0) release(*slab);
        slab = next;
      }
    }
    for (Free* const first : free_) {
      for (Free* block = first; block && !is_cut(block->bytes);) {
        Free* const next = block->next;
        unlist(block);
        std::free(block);
        block = next;
      }
    }
  }

  memory::Statistics statistics() {
    const std::lock_guard lock(lock_);
    return statistics_;
  }

 private:
  void* fresh(std::size_t block_bytes) {
    if (!is_cut(block_bytes)) {
      return expect_memory(detail::allocate_pages(block_bytes, 64, block_bytes >= least_huge).data,
                           block_bytes);
    }
    const std::lock_guard lock(lock_);
    Slab*& slab = slabs_of(block_bytes);
    if (!slab || !slab->has_room(block_bytes)) {
      slab = new (expect_memory(detail::map_slab(slab_bytes), slab_bytes)) Slab{slab};
    }
    ++slab->in_use;
    return slab->at(std::exchange(slab->cut, slab->cut + block_bytes));
  }

  Slab*& slabs_of(std::size_t block_bytes) { return slabs_[block_bytes < least_large ? 0 : 1]; }

  // For a slab none of whose blocks is in use: all of them are listed.
  void release(Slab& slab) {
    Slab** link = &slabs_of(reinterpret_cast<Free*>(slab.at(header_bytes))->bytes);
    for (std::size_t offset = header_bytes; offset < slab.cut;) {
      auto* const block = reinterpret_cast<Free*>(slab.at(offset));
      offset += block->bytes;
      unlist(block);
    }
    while (*link != &slab) link = &(*link)->next;
    *link = slab.next;
    munmap(&slab, slab_bytes);
  }

  void list(void* block, std::size_t block_bytes) {
    Free*& first = free_[size_class(block_bytes).index];
    Free* const listed = new (block) Free{block_bytes, first, nullptr};
    if (first) first->previous = listed;
    first = listed;
    statistics_.cached += block_bytes;
  }

  void unlist(Free* block) {
    (block->previous ? block->previous->next : free_[size_class(block->bytes).index]) = block->next;
    if (block->next) block->next->previous = block->previous;
    statistics_.cached -= block->bytes;
  }

  BriefLock lock_;
  std::array<Free*, 64 * 8 + 9> free_{};
  std::array<Slab*, 2> slabs_{};  // of small and of larger blocks; the first ones are being cut
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

namespace detail {

void* take_block(std::size_t bytes) {
  std::size_t block_bytes = 0;
  return cache().take(bytes, block_bytes);
}

void give_back_block(void* block, std::size_t bytes) noexcept {
  cache().give_back(block, size_class(bytes).block_bytes);
}

}  // namespace detail

namespace memory {

Statistics statistics() { return cache().statistics(); }
void set_cache_limit(std::size_t bytes) { cache().set_limit(bytes); }
void empty_cache() {
  cache().empty();
  detail::return_graph_objects();
}

}  // namespace memory
}  // namespace mnemo
