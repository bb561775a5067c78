#pragma once
#include <cstddef>
#include <cstdint>

namespace mnemo::detail {

/// Which of a thread's scratch buffers; each is in use by at most one kernel at a time.
enum class Slot { columns, gathered, planes, places, product, shared, partial, transposed, count };

/// At least `bytes` uninitialised bytes, 64-byte aligned, that belong to the calling thread until
/// it asks for the same slot again. Kept from call to call, so that a kernel meets warm pages.
void* scratch_bytes(Slot slot, std::size_t bytes);

template <class T>
T* scratch(Slot slot, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(slot, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace mnemo::detail
