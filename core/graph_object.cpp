#include "mnemo/core/detail/graph_object.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "mnemo/core/detail/pages.hpp"
#include "mnemo/core/detail/sanitized.hpp"

namespace mnemo::detail {
namespace {

constexpr std::size_t granule = 64;      // a line of the processor's caches
constexpr std::size_t most_bytes = 256;  // larger objects are rare, and malloc's
constexpr std::size_t sizes = most_bytes / granule;
constexpr std::size_t slab_bytes = 2 * huge_page;

std::size_t bytes_of(std::size_t size) { return (size + 1) * granule; }

// Pages that objects are cut from, one behind the other. They go back together.
struct Slab {
  Slab* next;
  std::size_t cut = granule;  // bytes of this head and of all objects so far
  std::size_t free = 0;       // bytes of those that nobody holds, when they were counted

  // Slabs are aligned to their size.
  static Slab& of(void* object) {
    return *reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(object) & ~(slab_bytes - 1));
  }
  bool is_free() const { return cut == granule + free; }
};

// Free objects of one size, the last one to be taken first. Their addresses are here and not in the
// objects: these have left the processor's caches, and would have to come back to be freed.
struct Stack {
  Stack* next = nullptr;
  std::size_t count = 0;
  std::array<void*, 62> objects;
};

bool is_empty(const Stack* stack) { return !stack || stack->count == 0; }
bool is_full(const Stack* stack) { return !stack || stack->count == stack->objects.size(); }

// What the threads give back, stack by stack, and what is cut for them.
class Depot {
 public:
  // Some objects of a size, in `stack`, which is empty, or in another. Throws std::bad_alloc.
  Stack* filled(std::size_t size, Stack* stack) {
    const std::lock_guard lock(mutex_);
    if (Stack* const first = filled_[size]) {
      filled_[size] = first->next;
      delete stack;
      return first;
    }
    if (!stack) stack = new Stack;
    const std::size_t bytes = bytes_of(size), all = stack->objects.size() * bytes;
    if (!slabs_ || slabs_->cut + all > slab_bytes) add_slab();
    slabs_->cut += all;
    std::byte* end = reinterpret_cast<std::byte*>(slabs_) + slabs_->cut;
    for (void*& object : stack->objects) object = end -= bytes;
    stack->count = stack->objects.size();
    return stack;
  }

  void take_back(std::size_t size, Stack* stack) noexcept {
    const std::lock_guard lock(mutex_);
    stack->next = std::exchange(filled_[size], stack);
  }

  // Gives slabs back of which all objects are here.
  void shrink() noexcept {
    const std::lock_guard lock(mutex_);
    for (std::size_t size = 0; size < sizes; ++size) {
      for (Stack* stack = filled_[size]; stack; stack = stack->next) {
        for (std::size_t i = 0; i < stack->count; ++i) {
          Slab::of(stack->objects[i]).free += bytes_of(size);
        }
      }
    }
    for (Stack*& first : filled_) remove_free(first);
    for (Slab** link = &slabs_; *link;) {
      Slab* const slab = *link;
      const bool goes = slab->is_free();
      slab->free = 0;
      if (goes) {
        *link = slab->next;
        munmap(slab, slab_bytes);
      } else {
        link = &slab->next;
      }
    }
  }

 private:
  void add_slab() {
    void* const pages = map_slab(slab_bytes);
    if (!pages) throw std::bad_alloc();
    slabs_ = new (pages) Slab{slabs_};
  }

  // Takes the objects of free slabs out of a list of stacks, and stacks that become empty.
  static void remove_free(Stack*& first) {
    for (Stack** link = &first; *link;) {
      Stack* const stack = *link;
      void** const begin = stack->objects.begin();
      void** const end = std::remove_if(begin, begin + stack->count,
                                        [](void* object) { return Slab::of(object).is_free(); });
      stack->count = static_cast<std::size_t>(end - begin);
      if (stack->count > 0) {
        link = &stack->next;
      } else {
        *link = stack->next;
        delete stack;
      }
    }
  }

  std::mutex mutex_;
  std::array<Stack*, sizes> filled_{};
  Slab* slabs_ = nullptr;  // the first one is being cut
};

// Never destroyed: objects of static storage duration come back after main.
Depot& depot() {
  static Depot* const instance = new Depot;
  return *instance;
}

// What a thread keeps at hand: up to two stacks of each size, so that one that takes and gives back by
// turns does not go to the depot each time.
class AtHand {
 public:
  void* take(std::size_t size) {
    if (is_empty(first_[size])) {
      std::swap(first_[size], second_[size]);
      if (is_empty(first_[size])) first_[size] = depot().filled(size, first_[size]);
    }
    return first_[size]->objects[--first_[size]->count];
  }

  void give_back(std::size_t size, void* object) noexcept {
    if (is_full(first_[size])) {
      std::swap(first_[size], second_[size]);
      if (is_full(first_[size])) {
        Stack* const fresh = new (std::nothrow) Stack;
        if (!fresh) return;  // no memory to free memory: it stays unused
        if (first_[size]) depot().take_back(size, first_[size]);
        first_[size] = fresh;
      }
    }
    first_[size]->objects[first_[size]->count++] = object;
  }

  void give_back_all() noexcept {
    for (auto* const stacks : {&second_, &first_}) {
      for (std::size_t size = 0; size < sizes; ++size) {
        Stack* const stack = std::exchange((*stacks)[size], nullptr);
        if (is_empty(stack)) {
          delete stack;
        } else {
          depot().take_back(size, stack);
        }
      }
    }
  }

 private:
  std::array<Stack*, sizes> first_{}, second_{};
};

// After the end of a thread its objects of static storage duration may still come and go.
constinit thread_local bool has_ended = false;

struct OfThread : AtHand {
  ~OfThread() {
    has_ended = true;
    give_back_all();
  }
};
thread_local OfThread of_thread;

}  // namespace

void return_graph_objects() noexcept {
  if (!has_ended) of_thread.give_back_all();
  depot().shrink();
}

void* GraphObject::operator new(std::size_t bytes) {
  if (address_sanitizer || bytes > most_bytes) return ::operator new(bytes);
  const std::size_t size = (bytes - 1) / granule;
  if (!has_ended) return of_thread.take(size);
  AtHand once;
  void* const object = once.take(size);
  once.give_back_all();
  return object;
}

void GraphObject::operator delete(void* object, std::size_t bytes) noexcept {
  if (address_sanitizer || bytes > most_bytes) return ::operator delete(object);
  const std::size_t size = (bytes - 1) / granule;
  if (!has_ended) return of_thread.give_back(size, object);
  AtHand once;
  once.give_back(size, object);
  once.give_back_all();
}

}  // namespace mnemo::detail
