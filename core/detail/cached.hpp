#pragma once
#include <cstddef>
#include <vector>

namespace mnemo::detail {

///@{
/// A block of at least `bytes` from the cache of tensor storage, and back to it. Throws Error where
/// there is no memory.
void* take_block(std::size_t bytes);
void give_back_block(void* block, std::size_t bytes) noexcept;
///@}

/// An allocator for what is large and comes and goes with each call: fresh pages would cost more than
/// the work on them.
template <class T>
struct FromCache {
  using value_type = T;
  T* allocate(std::size_t count) { return static_cast<T*>(take_block(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept {
    give_back_block(block, count * sizeof(T));
  }
  friend bool operator==(FromCache, FromCache) { return true; }
};
template <class T>
using CachedVector = std::vector<T, FromCache<T>>;

}  // namespace mnemo::detail
