#pragma once
#include <algorithm>
#include <cstdint>

#include "mnemo/core/detail/division.hpp"

namespace mnemo::detail {

inline constexpr std::int64_t tile = 4;

/// Tiles of 4x4 results cover the planes of one side ("tiled"); the other is read in windows of
/// R + 3 by R + 3 that start at the same positions, and R further for each part of the filter. The last
/// ones down or across may be cut: then nobody wants their fourth results.
struct Tiles {
  std::int64_t down, across;
  bool is_cut_down, is_cut_across;
};

inline Tiles tiles_of(std::int64_t rows, std::int64_t columns) {
  return {ceil_div(rows, tile), ceil_div(columns, tile), rows % tile != 0, columns % tile != 0};
}

/// Some samples, or some tile rows of one.
struct Run {
  std::int64_t first_sample, samples, first_row, rows;
};

struct Cut {
  std::int64_t samples, rows, sample_runs, row_runs;

  Cut(std::int64_t batch, const Tiles& tiles, std::int64_t wanted) {
    const std::int64_t all = tiles.down * tiles.across;
    sample_runs = ceil_div(batch, std::clamp<std::int64_t>(wanted / all, 1, batch));
    row_runs = ceil_div(tiles.down, std::max<std::int64_t>(wanted / tiles.across, 1));
    samples = ceil_div(batch, sample_runs);
    sample_runs = ceil_div(batch, samples);
    rows = ceil_div(tiles.down, row_runs);
    row_runs = ceil_div(tiles.down, rows);
  }
  std::int64_t runs() const { return sample_runs * row_runs; }
  Run run(std::int64_t batch, const Tiles& tiles, std::int64_t index) const {
    const std::int64_t sample = index / row_runs * samples, row = index % row_runs * rows;
    return {sample, std::min(samples, batch - sample), row, std::min(rows, tiles.down - row)};
  }
};

struct Rows {
  std::int64_t begin, count;
};

/// Which row of the matrices a tile of a run has. Along an axis, the point at infinity is there for the
/// fourth result only, so that cut tiles need no products with it. The order makes those that do need
/// them neighbours, for each pair of points.
class TileOrder {
 public:
  TileOrder(const Run& run, const Tiles& tiles)
      : run_(run),
        cut_down_(tiles.is_cut_down && run.first_row + run.rows == tiles.down),
        cut_across_(tiles.is_cut_across),
        down_(run.rows - cut_down_),
        across_(tiles.across - cut_across_) {}

  std::int64_t row(std::int64_t sample, std::int64_t tile_row, std::int64_t tile_column) const {
    const std::int64_t s = sample - run_.first_sample, y = tile_row - run_.first_row;
    if (tile_column < across_) {
      return (y < down_ ? begin_whole() + s * down_ * across_ + y * across_ : s * across_) +
             tile_column;
    }
    return begin_cut_across() + (y < down_ ? s * down_ + y : run_.samples * down_ + s);
  }

  // Those that the products at a pair of points are wanted for.
  Rows rows(bool infinite_down, bool infinite_across) const {
    const std::int64_t begin = infinite_down ? begin_whole() : 0;
    const std::int64_t end = infinite_across ? begin_cut_across()
                             : infinite_down ? begin_cut_across() + samples_cut_across()
                                             : count();
    return {begin, end - begin};
  }
  std::int64_t count() const { return run_.samples * run_.rows * (across_ + cut_across_); }

 private:
  // First tiles that are cut below, then whole ones, then those cut at their right, then at both.
  std::int64_t begin_whole() const { return run_.samples * cut_down_ * across_; }
  std::int64_t begin_cut_across() const { return run_.samples * run_.rows * across_; }
  std::int64_t samples_cut_across() const { return run_.samples * down_ * cut_across_; }

  Run run_;
  std::int64_t cut_down_, cut_across_;  // 1 or 0
  std::int64_t down_, across_;          // those that are not cut
};

}  // namespace mnemo::detail
