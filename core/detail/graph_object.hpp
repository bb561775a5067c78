#pragma once
#include <cstddef>
#include <new>

namespace mnemo::detail {

/// A base of the objects that a graph has many of. Those that are made one after the other lie one
/// behind the other, in huge pages, so that a large graph is walked through in the order of its
/// addresses; to make one takes no lock.
struct GraphObject {
  static void* operator new(std::size_t bytes);
  static void operator delete(void* object, std::size_t bytes) noexcept;
  // For a rule that captures what is aligned more than usual.
  static void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return ::operator new(bytes, alignment);
  }
  static void operator delete(void* object, std::size_t, std::align_val_t alignment) noexcept {
    ::operator delete(object, alignment);
  }
};

/// Gives what is left of graphs that are gone back to the operating system, but what another thread
/// keeps at hand, and its neighbours.
void return_graph_objects() noexcept;

}  // namespace mnemo::detail
