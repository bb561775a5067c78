#include "mnemo/core/detail/sum_kernels.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/detail/parallel.hpp"

namespace mnemo::detail {
namespace {

constexpr std::int64_t block_elements = 65536;
constexpr std::int64_t tile_columns = 4096;
constexpr std::int64_t fetched_ahead = 8192;  // bytes: one thread alone then reads a seventh faster

// The sum of a contiguous run: eight vectors of lanes over a chunk, chunks in double.
template <class T>
double sum_run(const T* x, std::int64_t count) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  constexpr std::int64_t chunk = 2048;
  double total = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += chunk) {
    const std::int64_t end = std::min(count, begin + chunk);
    Batch lanes[4] = {Batch(T(0)), Batch(T(0)), Batch(T(0)), Batch(T(0))};
    std::int64_t i = begin;
    for (; i + 4 * width <= end; i += 4 * width) {
      for (std::int64_t k = 0; k < 4; ++k) {
        __builtin_prefetch(reinterpret_cast<const std::byte*>(x + i + k * width) + fetched_ahead);
        lanes[k] += Batch::load_unaligned(x + i + k * width);
      }
    }
    for (; i + width <= end; i += width) lanes[0] += Batch::load_unaligned(x + i);
    T folded[Batch::size];
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])).store_unaligned(folded);
    double partial = 0.0;
    for (const T lane : folded) partial += static_cast<double>(lane);
    for (; i < end; ++i) partial += static_cast<double>(x[i]);
    total += partial;
  }
  return total;
}

template <class In, class Out>
void sum_rows(const In* x, std::int64_t rows, std::int64_t length, double scale, Out* result) {
  if (length <= 2 * block_elements) {
    const std::int64_t grain =
        std::max<std::int64_t>(1, block_elements / (2 * std::max<std::int64_t>(length, 1)));
    parallel_range(rows, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        result[row] = static_cast<Out>(scale * sum_run(x + row * length, length));
      }
    });
    return;
  }
  const std::int64_t pieces = (length + block_elements - 1) / block_elements;
  std::vector<double> partial(static_cast<std::size_t>(rows * pieces));
  parallel_blocks(rows * pieces, [&](std::int64_t block) {
    const std::int64_t begin = block % pieces * block_elements;
    const std::int64_t count = std::min(block_elements, length - begin);
    partial[static_cast<std::size_t>(block)] = sum_run(x + block / pieces * length + begin, count);
  });
  for (std::int64_t row = 0; row < rows; ++row) {
    double total = 0.0;
    for (std::int64_t k = 0; k < pieces; ++k) {
      total += partial[static_cast<std::size_t>(row * pieces + k)];
    }
    result[row] = static_cast<Out>(scale * total);
  }
}

// totals[i] = sum over rows of x[r, i], for rows `stride` apart. Rows are added as vectors, eight
// at a time and up to 64 of them, before their sum goes to double.
template <class T>
void sum_columns(const T* x, std::int64_t rows, std::int64_t stride, std::int64_t columns,
                 double* totals) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  constexpr std::int64_t group = 8;
  constexpr std::int64_t rows_at_once = 64;
  std::fill_n(totals, columns, 0.0);
  T sums[tile_columns];
  for (std::int64_t first = 0; first < rows; first += rows_at_once) {
    const std::int64_t end = std::min(rows, first + rows_at_once);
    std::fill_n(sums, columns, T(0));
    std::int64_t row = first;
    for (; row + group <= end; row += group) {
      const T* const at = x + row * stride;
      const auto load = [&](std::int64_t r, std::int64_t i) {
        return Batch::load_unaligned(at + r * stride + i);
      };
      std::int64_t i = 0;
      for (; i + width <= columns; i += width) {
        const Batch folded = ((load(0, i) + load(1, i)) + (load(2, i) + load(3, i))) +
                             ((load(4, i) + load(5, i)) + (load(6, i) + load(7, i)));
        (Batch::load_unaligned(sums + i) + folded).store_unaligned(sums + i);
      }
      for (; i < columns; ++i) {
        for (std::int64_t r = 0; r < group; ++r) sums[i] += at[r * stride + i];
      }
    }
    for (; row < end; ++row) {
      for (std::int64_t i = 0; i < columns; ++i) sums[i] += x[row * stride + i];
    }
    for (std::int64_t i = 0; i < columns; ++i) totals[i] += static_cast<double>(sums[i]);
  }
}

}  // namespace

template <class In, class Out>
void sum_middle(const In* x, std::int64_t outer, std::int64_t reduced, std::int64_t inner,
                double scale, Out* result) {
  if (inner == 1) return sum_rows(x, outer, reduced, scale, result);
  const std::int64_t width = std::min(inner, tile_columns);
  const std::int64_t tiles = (inner + width - 1) / width;
  const std::int64_t rows = std::max({std::int64_t{256}, block_elements / width, reduced / 8});
  const std::int64_t pieces = std::max<std::int64_t>(1, (reduced + rows - 1) / rows);
  const auto partial =
      std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(pieces * outer * inner));
  parallel_blocks(outer * tiles * pieces, [&](std::int64_t block) {
    const std::int64_t piece = block % pieces;
    const std::int64_t tile = block / pieces % tiles;
    const std::int64_t o = block / pieces / tiles;
    const std::int64_t first_row = piece * rows;
    const std::int64_t first_column = tile * width;
    sum_columns(x + (o * reduced + first_row) * inner + first_column,
                std::min(rows, reduced - first_row), inner, std::min(width, inner - first_column),
                &partial[static_cast<std::size_t>((piece * outer + o) * inner + first_column)]);
  });
  const std::int64_t results = outer * inner;
  for (std::int64_t piece = 1; piece < pieces; ++piece) {
    const double* const more = &partial[static_cast<std::size_t>(piece * results)];
    for (std::int64_t i = 0; i < results; ++i) partial[static_cast<std::size_t>(i)] += more[i];
  }
  for (std::int64_t i = 0; i < results; ++i) {
    result[i] = static_cast<Out>(scale * partial[static_cast<std::size_t>(i)]);
  }
}

template void sum_middle(const float*, std::int64_t, std::int64_t, std::int64_t, double, float*);
template void sum_middle(const float*, std::int64_t, std::int64_t, std::int64_t, double, double*);
template void sum_middle(const double*, std::int64_t, std::int64_t, std::int64_t, double, float*);
template void sum_middle(const double*, std::int64_t, std::int64_t, std::int64_t, double, double*);

}  // namespace mnemo::detail
