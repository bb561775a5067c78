#include "mnemo/core/detail/strided.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "mnemo/core/detail/parallel.hpp"

namespace mnemo::detail {
namespace {

constexpr std::int64_t block_elements = 16384;

// Rows of a rectangle; the second axis is the one that the target holds closest together.
template <class T>
void copy_rows(const T* from, T* to, const StridedAxis& a, const StridedAxis& b) {
  for (std::int64_t i = 0; i < a.length; ++i, from += a.from, to += a.to) {
    if (b.from == 1 && b.to == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(b.length) * sizeof(T));
    } else if (b.from == -1 && b.to == 1) {
      for (std::int64_t j = 0; j < b.length; ++j) to[j] = from[-j];
    } else if (b.to == 1) {
      for (std::int64_t j = 0; j < b.length; ++j) to[j] = from[j * b.from];
    } else {
      for (std::int64_t j = 0; j < b.length; ++j) to[j * b.to] = from[j * b.from];
    }
  }
}

// A square of as many rows as one row has elements, each row a vector.
template <class T, std::size_t size>
struct Square {
  typedef T Row __attribute__((vector_size(sizeof(T) * size)));
  Row rows[size];

  // Exchanges the blocks of `block` rows and columns that lie beside the diagonal.
  template <std::size_t block, std::size_t... lane>
  void exchange(std::index_sequence<lane...>) {
    for (std::size_t row = 0; row < size; ++row) {
      if (row & block) continue;
      const Row upper = rows[row];
      const Row lower = rows[row + block];
      rows[row] =
          __builtin_shufflevector(upper, lower, (lane & block ? size + lane - block : lane)...);
      rows[row + block] =
          __builtin_shufflevector(upper, lower, (lane & block ? size + lane : lane + block)...);
    }
  }
  template <std::size_t block = size / 2>
  void transpose() {
    exchange<block>(std::make_index_sequence<size>{});
    if constexpr (block > 1) transpose<block / 2>();
  }
};

// A transposing copy: the source runs along the first axis, the target along the second. Squares
// are read and written in rows, so that every line of memory that is touched is used whole.
template <class T>
void copy_tiles(const T* from, T* to, const StridedAxis& a, const StridedAxis& b) {
  constexpr std::int64_t tile = sizeof(T) < 8 ? 16 : 8;
  Square<T, tile> square;
  for (std::int64_t i = 0; i < a.length; i += tile) {
    for (std::int64_t j = 0; j < b.length; j += tile) {
      const T* const source = from + i * a.from + j * b.from;
      T* const target = to + i * a.to + j * b.to;
      if (a.from == 1 && b.to == 1 && i + tile <= a.length && j + tile <= b.length) {
        for (std::int64_t row = 0; row < tile; ++row) {
          std::memcpy(&square.rows[row], source + row * b.from, sizeof square.rows[row]);
        }
        square.transpose();
        for (std::int64_t row = 0; row < tile; ++row) {
          std::memcpy(target + row * a.to, &square.rows[row], sizeof square.rows[row]);
        }
      } else {
        copy_rows(source, target, {std::min(tile, a.length - i), a.from, a.to},
                  {std::min(tile, b.length - j), b.from, b.to});
      }
    }
  }
}

std::int64_t distance(std::int64_t stride) { return stride < 0 ? -stride : stride; }

// Without axes of length 1, the target's widest strides first, neighbours merged where both sides
// cross them alike.
std::vector<StridedAxis> simplified(std::vector<StridedAxis> axes) {
  std::erase_if(axes, [](const StridedAxis& axis) { return axis.length == 1; });
  const auto wider = [](const StridedAxis& a, const StridedAxis& b) {
    return distance(a.to) > distance(b.to);
  };
  // Sorted in place, and without std::stable_sort's allocation: they are few.
  for (auto axis = axes.begin(); axis != axes.end(); ++axis) {
    std::rotate(std::upper_bound(axes.begin(), axis, *axis, wider), axis, axis + 1);
  }
  auto kept = axes.begin();
  for (const StridedAxis axis : axes) {
    if (kept != axes.begin() && kept[-1].from == axis.from * axis.length &&
        kept[-1].to == axis.to * axis.length) {
      kept[-1] = {kept[-1].length * axis.length, axis.from, axis.to};
    } else {
      *kept++ = axis;
    }
  }
  axes.erase(kept, axes.end());
  while (axes.size() < 2) axes.insert(axes.begin(), {1, 0, 0});
  return axes;
}

template <class T>
void copy(std::vector<StridedAxis> axes, const T* from, T* to) {
  // The last two axes are the rectangle; its first is the one that the source holds closest.
  const auto closest = std::min_element(axes.begin(), axes.end() - 1,
                                        [](const StridedAxis& a, const StridedAxis& b) {
                                          return distance(a.from) < distance(b.from);
                                        });
  const bool transposes = distance(closest->from) < distance(axes.back().from);
  if (transposes) std::rotate(closest, closest + 1, axes.end() - 1);
  const StridedAxis b = axes.back();
  const StridedAxis a = axes[axes.size() - 2];
  axes.resize(axes.size() - 2);
  std::int64_t outer = 1;
  for (const StridedAxis& axis : axes) outer *= axis.length;
  const std::int64_t width = std::min(b.length, transposes ? block_elements / 64 : block_elements);
  const std::int64_t height = std::min(a.length, std::max<std::int64_t>(1, block_elements / width));
  const std::int64_t across = (b.length + width - 1) / width;
  const std::int64_t down = (a.length + height - 1) / height;
  const std::int64_t grain = std::max<std::int64_t>(1, block_elements / (width * height));
  parallel_range(outer * across * down, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t j = unit % across * width;
      const std::int64_t i = unit / across % down * height;
      std::int64_t index = unit / across / down;
      const T* source = from + i * a.from + j * b.from;
      T* target = to + i * a.to + j * b.to;
      for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
        source += index % axis->length * axis->from;
        target += index % axis->length * axis->to;
        index /= axis->length;
      }
      const StridedAxis rows{std::min(height, a.length - i), a.from, a.to};
      const StridedAxis columns{std::min(width, b.length - j), b.from, b.to};
      transposes ? copy_tiles(source, target, rows, columns)
                 : copy_rows(source, target, rows, columns);
    }
  });
}

}  // namespace

void copy_strided(std::size_t item_size, std::vector<StridedAxis> axes, const void* from,
                  void* to) {
  for (const StridedAxis& axis : axes) {
    if (axis.length == 0) return;
  }
  axes = simplified(std::move(axes));
  const auto copy_as = [&]<class T>(T) {
    copy(std::move(axes), static_cast<const T*>(from), static_cast<T*>(to));
  };
  switch (item_size) {
    case 1: return copy_as(std::uint8_t{});
    case 2: return copy_as(std::uint16_t{});
    case 4: return copy_as(std::uint32_t{});
    default: return copy_as(std::uint64_t{});
  }
}

}  // namespace mnemo::detail
