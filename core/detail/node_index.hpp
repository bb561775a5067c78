#pragma once
#include <bit>
#include <cstdint>
#include <utility>

#include "mnemo/core/detail/cached.hpp"
#include "mnemo/core/differentiable.hpp"

namespace mnemo::detail {

/// From node to position, open addressing. Never iterated: the order of the addresses in it must not
/// show anywhere.
class NodeIndex {
 public:
  static constexpr std::int64_t none = -1;

  NodeIndex() : slots_(32) {}

  // The position of `node`, to be set if it is `none`. Valid until the next call.
  std::int64_t& find_or_add(const Node* node) {
    Slot* slot = &slot_of(node);
    if (slot->node) return slot->position;
    if (++count_ * 2 > slots_.size()) {
      grow();
      slot = &slot_of(node);
    }
    slot->node = node;
    return slot->position;
  }

 private:
  struct Slot {
    const Node* node = nullptr;
    std::int64_t position = none;
  };

  // The slot that holds `node`, or the free one where it belongs.
  Slot& slot_of(const Node* node) {
    const std::size_t mask = slots_.size() - 1;
    // Nodes made one after the other lie side by side in memory, and shall here: a large graph
    // would wait for memory at every look-up otherwise. Most take 128 bytes or more. Regions of
    // 32 KiB are spread out evenly by the golden ratio, so that few come to lie over each other.
    const std::size_t place = std::bit_cast<std::uintptr_t>(node) >> 7;
    const int shift = std::countl_zero(slots_.size()) + 1;
    std::size_t slot = place % 256 + ((place / 256) * 0x9E3779B97F4A7C15u >> shift);
    while (slots_[slot & mask].node && slots_[slot & mask].node != node) ++slot;
    return slots_[slot & mask];
  }

  void grow() {
    CachedVector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    for (const Slot& entry : old) {
      if (entry.node) slot_of(entry.node) = entry;
    }
  }

  CachedVector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace mnemo::detail
