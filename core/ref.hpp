#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace mnemo {

/// A count inside the object itself: half the size and half the allocations of std::shared_ptr,
/// which shows in graphs of many small tensors.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  /// Counts one more reference.
  void retain() const {
    if (references_.load(std::memory_order_relaxed) == 0) {
      references_.store(1, std::memory_order_relaxed);  // fresh: nobody else can see it yet
    } else {
      references_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  /// True when the last reference is gone and the object is to be destroyed.
  bool release() const {
    if (references_.load(std::memory_order_acquire) == 1) return true;  // nobody else can copy it
    return references_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  /// How many there are now.
  std::uint32_t references() const { return references_.load(std::memory_order_acquire); }
  bool unique() const { return references() == 1; }  ///< whether there is just one

 private:
  mutable std::atomic<std::uint32_t> references_{0};
};

///@{
/// How a Ref counts: overloaded for a type that is not complete where it is only passed on. The
/// last one dropped has `destroy(T*)` free the object.
template <class T>
void add_reference(const T* object) {
  object->retain();
}
template <class T>
void drop_reference(T* object) {
  if (object->release()) destroy(object);
}
///@}

/// A shared pointer to a RefCounted T. `destroy(T*)`, found by argument, frees the object.
template <class T>
class Ref {
 public:
  Ref() = default;
  ///@{
  /// One more reference to the object, which may be null; moving hands the reference on.
  explicit Ref(T* object) : object_(object) {
    if (object_) add_reference(object_);
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ///@}
  ~Ref() {
    if (object_) drop_reference(object_);
  }

  ///@{
  /// As those of std::shared_ptr.
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  ///@}
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace mnemo
