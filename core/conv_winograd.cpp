#include "mnemo/core/detail/conv_winograd.hpp"

#include <algorithm>

#include "mnemo/core/detail/division.hpp"
#include "mnemo/core/detail/gemm.hpp"
#include "mnemo/core/detail/lane_image.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/scratch.hpp"
#include "mnemo/core/detail/winograd.hpp"
#include "mnemo/core/detail/winograd_tiles.hpp"

namespace mnemo::detail {
namespace {

constexpr std::int64_t longest_kernel = 9;
constexpr std::int64_t most_filter_floats = 1 << 26;  // at their points
constexpr std::int64_t chunk_floats = 1 << 20;  // of transformed samples, for the gradient of w

// Tiles in one product: enough to make use of the filters while they are in the cache.
std::int64_t wanted_tiles(std::int64_t depth, std::int64_t width) {
  return std::clamp<std::int64_t>(unpacked_volume / (depth * width), 48, 128);
}

// The images on one side of a group, and how their pixels lie in planes. Where filters are cut
// into parts^2, the side that is read in windows has as many for each tile.
struct Side {
  std::int64_t channels, all_channels, parts;
  LaneAxis y, x;
  std::int64_t phases() const { return y.stride * x.stride; }
  std::int64_t windows() const { return phases() * parts * parts; }
  std::int64_t blocks() const { return ceil_div(channels, lane_count); }
  std::int64_t lanes() const { return blocks() * lane_count; }  // channels, padded with zeros
  std::int64_t width() const { return windows() * lanes(); }    // of a transformed tile's row
  std::int64_t sample() const { return all_channels * y.size * x.size; }
};

// The matrices of a transform: one [rows, width] for each pair of points. The distance between them
// is an odd number of cache lines, so that writing to all of them does not hit the same few sets.
struct Matrices {
  float* data;
  std::int64_t width, distance;
  Matrices(Slot slot, std::int64_t points, std::int64_t rows, std::int64_t width_)
      : width(width_), distance((rows * width_ / 16 | 1) * 16) {
    data = scratch<float>(slot, points * points * distance);
  }
};

// Axes of a run's lane images: `reach` more rows and columns than the tiles have results.
void place_tiles(const Run& run, const Tiles& tiles, std::int64_t reach, LaneAxis& y, LaneAxis& x) {
  y.skip = run.first_row * tile;
  y.extent = run.rows * tile + reach;
  x.skip = 0;
  x.extent = tiles.across * tile + reach;
}

LaneImage lane_image(const Side& side) {
  return LaneImage(side.y, side.x,
                   scratch<std::int32_t>(Slot::places, LaneImage::place_count(side.y, side.x)));
}

// One transform along columns, then rows: from a window of `from` x `from` lanes to `to` x `to`.
template <int from, int to, class Transform>
inline void both_ways(const float* window, std::int64_t row_stride, const Transform& transform,
                      Lanes (&out)[to][to]) {
  Lanes half[to][from];
  for (int j = 0; j < from; ++j) {
    Lanes column[from], z[to];
    for (int i = 0; i < from; ++i) column[i] = load_lanes(window + i * row_stride + j * lane_count);
    transform(column, z);
    for (int i = 0; i < to; ++i) half[i][j] = z[i];
  }
  for (int i = 0; i < to; ++i) transform(half[i], out[i]);
}

// Images of a run, of which `order` may have more, to the rows of `matrices`, one row per tile,
// transformed by `transform`.
template <int from, int to, class Transform>
void transform_images(const Side& side, const Run& run, const Tiles& tiles, const float* images,
                      const Matrices& matrices, const TileOrder& order,
                      const Transform& transform) {
  constexpr std::int64_t taps = from - tile + 1;  // of a part of the filter
  const std::int64_t lanes_size = LaneImage::size(side.y, side.x);
  float* const lanes = scratch<float>(Slot::planes, lanes_size);
  std::fill_n(lanes, lanes_size, 0.0f);
  const LaneImage image = lane_image(side);
  for (std::int64_t s = 0; s < run.samples; ++s) {
    const float* const sample = images + (run.first_sample + s) * side.sample();
    for (std::int64_t block = 0; block < side.blocks(); ++block) {
      const std::int64_t channel = block * lane_count;
      image.load(sample + channel * side.y.size * side.x.size, side.channels - channel, lanes);
      for (std::int64_t window = 0; window < side.windows(); ++window) {
        const std::int64_t part = window % (side.parts * side.parts);
        const float* const plane =
            lanes + window / (side.parts * side.parts) * image.plane_stride() +
            part / side.parts * taps * image.row_stride() + part % side.parts * taps * lane_count;
        float* const first = matrices.data + window * side.lanes() + channel;
        for (std::int64_t ty = 0; ty < run.rows; ++ty) {
          for (std::int64_t tx = 0; tx < tiles.across; ++tx) {
            float* const row =
                first + order.row(run.first_sample + s, run.first_row + ty, tx) * matrices.width;
            Lanes out[to][to];
            both_ways<from, to>(plane + ty * tile * image.row_stride() + tx * tile * lane_count,
                                image.row_stride(), transform, out);
            for (int i = 0; i < to * to; ++i) {
              store_lanes(out[i / to][i % to], row + i * matrices.distance);
            }
          }
        }
      }
    }
  }
}

// Rows of `matrices`, one per tile, to results and images.
template <int R>
void results_to_images(const Side& side, const Run& run, const Tiles& tiles,
                       const Matrices& matrices, const TileOrder& order, const float* bias,
                       float* images) {
  using W = Winograd<R>;
  float* const lanes = scratch<float>(Slot::planes, LaneImage::size(side.y, side.x));
  const LaneImage image = lane_image(side);
  for (std::int64_t s = 0; s < run.samples; ++s) {
    float* const sample = images + (run.first_sample + s) * side.sample();
    for (std::int64_t block = 0; block < side.blocks(); ++block) {
      const std::int64_t channel = block * lane_count;
      for (std::int64_t phase = 0; phase < side.phases(); ++phase) {
        float* const plane = lanes + phase * image.plane_stride();
        const float* const first = matrices.data + phase * side.lanes() + channel;
        for (std::int64_t ty = 0; ty < run.rows; ++ty) {
          for (std::int64_t tx = 0; tx < tiles.across; ++tx) {
            const float* const row =
                first + order.row(run.first_sample + s, run.first_row + ty, tx) * matrices.width;
            Lanes half[tile][W::points], out[tile];
            for (int j = 0; j < W::points; ++j) {
              Lanes z[W::points], y[tile];
              for (int i = 0; i < W::points; ++i) {
                z[i] = load_lanes(row + (i * W::points + j) * matrices.distance);
              }
              W::to_results(z, y);
              for (int i = 0; i < tile; ++i) half[i][j] = y[i];
            }
            float* const to = plane + ty * tile * image.row_stride() + tx * tile * lane_count;
            for (int i = 0; i < tile; ++i) {
              W::to_results(half[i], out);
              for (int j = 0; j < tile; ++j) {
                store_lanes(out[j], to + i * image.row_stride() + j * lane_count);
              }
            }
          }
        }
      }
      image.store(lanes, side.channels - channel, bias ? bias + channel : nullptr,
                  sample + channel * side.y.size * side.x.size);
    }
  }
}

// Where the filters of R x R taps lie in w [out, in, k, k]: for each phase of the stride, parts^2.
template <int R>
struct Filters {
  const ConvGeometry& g;
  std::int64_t parts;
  std::int64_t windows() const { return g.stride_height * g.stride_width * parts * parts; }
  std::int64_t taps() const { return g.kernel_height * g.kernel_width; }
  std::int64_t in_stride() const { return taps(); }
  std::int64_t out_stride() const { return g.in_channels / g.groups * taps(); }
  // -1 beyond the kernel: the last taps of a phase may be missing.
  std::int64_t tap(std::int64_t window, std::int64_t i, std::int64_t j) const {
    const std::int64_t phase = window / (parts * parts), part = window % (parts * parts);
    const std::int64_t y = (part / parts * R + i) * g.stride_height + phase / g.stride_width;
    const std::int64_t x = (part % parts * R + j) * g.stride_width + phase % g.stride_width;
    return y < g.kernel_height && x < g.kernel_width ? y * g.kernel_width + x : -1;
  }
};

// The taps of `count` filters, `stride` apart, side by side: [tap][lane]. Filter by filter, because
// their distance may be a multiple of 4096 bytes, and lines so far apart drive each other out of
// the cache.
using TapLanes = float[longest_kernel * longest_kernel * lane_count];

void load_taps(const float* from, std::int64_t stride, std::int64_t count, std::int64_t taps,
               TapLanes& lanes) {
  for (std::int64_t l = 0; l < count; ++l) {
    for (std::int64_t t = 0; t < taps; ++t) lanes[t * lane_count + l] = from[l * stride + t];
  }
}

void store_taps(const TapLanes& lanes, std::int64_t stride, std::int64_t count, std::int64_t taps,
                float* to) {
  for (std::int64_t l = 0; l < count; ++l) {
    for (std::int64_t t = 0; t < taps; ++t) to[l * stride + t] = lanes[t * lane_count + l];
  }
}

// The filters at the points: matrices [from, to] of channels. From the side of x to that of u as
// they are; for the way back turned around.
template <int R>
void transform_filters(const ConvGeometry& g, const float* w, bool back, const Side& in,
                       const Side& out, const Matrices& matrices) {
  using W = Winograd<R>;
  const Filters<R> filters{g, in.parts * out.parts};
  const Side& target = back ? in : out;  // channels that vary along a row: one in each lane
  const Side& source = back ? out : in;
  const std::int64_t along_stride = back ? filters.in_stride() : filters.out_stride();
  const std::int64_t down_stride = back ? filters.out_stride() : filters.in_stride();
  parallel_range(source.lanes(), 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t d = begin; d < end; ++d) {
      for (std::int64_t block = 0; block < target.blocks(); ++block) {
        const std::int64_t first = block * lane_count;
        TapLanes taps = {};
        if (d < source.channels) {
          load_taps(w + d * down_stride + first * along_stride, along_stride,
                    std::min<std::int64_t>(lane_count, target.channels - first), filters.taps(),
                    taps);
        }
        for (std::int64_t k = 0; k < filters.windows(); ++k) {
          float window[R * R * lane_count];
          for (int i = 0; i < R; ++i) {
            for (int j = 0; j < R; ++j) {
              const int place = back ? (R - 1 - i) * R + (R - 1 - j) : i * R + j;
              const std::int64_t tap = filters.tap(k, i, j);
              store_lanes(tap < 0 ? Lanes{} : load_lanes(taps + tap * lane_count),
                          window + place * lane_count);
            }
          }
          Lanes at_points[W::points][W::points];
          both_ways<R, W::points>(
              window, R * lane_count, [](const auto& v, auto& z) { W::filter(v, z); }, at_points);
          // Turned around, the last part comes first.
          const std::int64_t row = back ? source.windows() - 1 - k % source.windows() : k;
          const std::int64_t column = back ? k / source.windows() : 0;
          float* const to = matrices.data + (row * source.lanes() + d) * matrices.width +
                            column * target.lanes() + first;
          for (int i = 0; i < W::points * W::points; ++i) {
            store_lanes(at_points[i / W::points][i % W::points], to + i * matrices.distance);
          }
        }
      }
    }
  });
}

// products = values * filters at a pair of points, in pieces: small enough for OpenBLAS to take them
// without copying, and for sums over many channels to round like sums over few.
void multiply(const Rows& rows, const Matrices& values, const Matrices& filters, std::int64_t i,
              const Matrices& products) {
  if (rows.count == 0) return;
  const std::int64_t most = unpacked_volume / (rows.count * products.width) / 8 * 8;
  const std::int64_t calls = ceil_div(values.width, std::clamp<std::int64_t>(most, 8, 32));
  const std::int64_t step = ceil_div(ceil_div(values.width, calls), 8) * 8;
  for (std::int64_t k = 0; k < values.width; k += step) {
    gemm_serial(false, false, rows.count, products.width, std::min(step, values.width - k), 1.0f,
                values.data + i * values.distance + rows.begin * values.width + k, values.width,
                filters.data + i * filters.distance + k * filters.width, filters.width,
                k == 0 ? 0.0f : 1.0f,
                products.data + i * products.distance + rows.begin * products.width,
                products.width);
  }
}

// The tiles that the products at the pair of points i are wanted for.
template <int R>
Rows wanted(const TileOrder& order, std::int64_t i) {
  using W = Winograd<R>;
  return order.rows(i / W::points == W::infinity, i % W::points == W::infinity);
}

// Correlation of `from` with the transformed filters.
template <int R>
void correlate(std::int64_t batch, const Side& source, const Side& target, const Tiles& tiles,
               const float* from, const Matrices& filters, const float* bias, float* to) {
  using W = Winograd<R>;
  const Cut cut(batch, tiles, wanted_tiles(source.width(), target.width()));
  parallel_blocks(cut.runs(), [&](std::int64_t index) {
    const Run run = cut.run(batch, tiles, index);
    const TileOrder order(run, tiles);
    Side read = source, written = target;
    place_tiles(run, tiles, R * source.parts - 1, read.y, read.x);
    place_tiles(run, tiles, 0, written.y, written.x);
    const Matrices values(Slot::columns, W::points, order.count(), source.width());
    const Matrices products(Slot::product, W::points, order.count(), target.width());
    transform_images<W::points, W::points>(read, run, tiles, from, values, order,
                                           [](const auto& d, auto& z) { W::values(d, z); });
    for (int i = 0; i < W::points * W::points; ++i) {
      multiply(wanted<R>(order, i), values, filters, i, products);
    }
    results_to_images<R>(written, run, tiles, products, order, bias, to);
  });
}

// The way back of transform_filters: sums at the points to w.
template <int R>
void write_filters(const ConvGeometry& g, const Side& in, const Side& out, const Matrices& sums,
                   float* w) {
  using W = Winograd<R>;
  const Filters<R> filters{g, in.parts};
  parallel_range(in.channels, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      for (std::int64_t first = 0; first < out.channels; first += lane_count) {
        const std::int64_t count = std::min<std::int64_t>(lane_count, out.channels - first);
        TapLanes taps;
        for (std::int64_t k = 0; k < filters.windows(); ++k) {
          const float* const from = sums.data + (k * in.lanes() + c) * sums.width + first;
          float at_points[W::points * W::points * lane_count];
          for (int i = 0; i < W::points * W::points; ++i) {
            store_lanes(load_lanes(from + i * sums.distance), at_points + i * lane_count);
          }
          Lanes filter[R][R];
          both_ways<W::points, R>(
              at_points, W::points * lane_count, [](const auto& z, auto& v) { W::to_filter(z, v); },
              filter);
          for (int i = 0; i < R; ++i) {
            for (int j = 0; j < R; ++j) {
              const std::int64_t tap = filters.tap(k, i, j);
              if (tap >= 0) store_lanes(filter[i][j], taps + tap * lane_count);
            }
          }
        }
        store_taps(taps, filters.out_stride(), count, filters.taps(),
                   w + first * filters.out_stride() + c * filters.in_stride());
      }
    }
  });
}

// Of a phase, along one axis.
std::int64_t taps(const ConvGeometry& g) { return ceil_div(g.kernel_height, g.stride_height); }

// Those of a longer filter that are as long as R.
template <int R>
std::int64_t parts(const ConvGeometry& g) {
  return ceil_div(taps(g), R);
}

// x as it is read by windows, or written from the turned filters: its first place then belongs to
// the position pad / stride.
Side input_side(const ConvGeometry& g, std::int64_t parts, bool back) {
  return {g.in_channels / g.groups,
          g.in_channels,
          parts,
          {g.in_height, g.stride_height, back ? g.pad_top % g.stride_height : g.pad_top, 0, 0},
          {g.in_width, g.stride_width, back ? g.pad_left % g.stride_width : g.pad_left, 0, 0}};
}

// u or y: as tiles, or read by windows of turned filters, as far before the position above as these
// reach.
Side output_side(const ConvGeometry& g, std::int64_t parts, std::int64_t pad_y,
                 std::int64_t pad_x) {
  return {g.out_channels / g.groups,
          g.out_channels,
          parts,
          {g.out_height, 1, pad_y, 0, 0},
          {g.out_width, 1, pad_x, 0, 0}};
}

template <int R>
void output(const ConvGeometry& g, const float* x, const float* w, const float* bias, float* y) {
  const Side in = input_side(g, parts<R>(g), false), out = output_side(g, 1, 0, 0);
  const Matrices filters(Slot::shared, Winograd<R>::points, in.width(), out.width());
  transform_filters<R>(g, w, false, in, out, filters);
  correlate<R>(g.batch, in, out, tiles_of(g.out_height, g.out_width), x, filters, bias, y);
}

template <int R>
void input(const ConvGeometry& g, const float* u, const float* w, const float* bias, float* x) {
  const Side in = input_side(g, 1, true);
  const std::int64_t reach = R * parts<R>(g) - 1;
  const Side out = output_side(g, parts<R>(g), reach - g.pad_top / g.stride_height,
                               reach - g.pad_left / g.stride_width);
  const Matrices filters(Slot::shared, Winograd<R>::points, out.width(), in.width());
  transform_filters<R>(g, w, true, in, out, filters);
  const Tiles tiles = tiles_of((g.in_height - 1 + in.y.pad) / g.stride_height + 1,
                               (g.in_width - 1 + in.x.pad) / g.stride_width + 1);
  correlate<R>(g.batch, out, in, tiles, u, filters, bias, x);
}

// Samples are transformed in chunks, side by side; then each pair of points adds its product to its
// own sum, chunk after chunk.
template <int R>
void weight(const ConvGeometry& g, const float* x, const float* u, float* w) {
  using W = Winograd<R>;
  constexpr int pairs = W::points * W::points;
  const Side in = input_side(g, parts<R>(g), false), out = output_side(g, 1, 0, 0);
  const Tiles tiles = tiles_of(g.out_height, g.out_width);
  const Cut cut(g.batch, tiles, chunk_floats / (pairs * (in.width() + out.width())));
  const std::int64_t most_rows = cut.samples * cut.rows * tiles.across;
  const Matrices values(Slot::shared, W::points, most_rows, in.width());
  const Matrices slopes(Slot::gathered, W::points, most_rows, out.width());
  const Matrices sums(Slot::partial, W::points, in.width(), out.width());
  for (std::int64_t chunk = 0; chunk < cut.runs(); ++chunk) {
    const Run run = cut.run(g.batch, tiles, chunk);
    const TileOrder order(run, tiles);
    // One sample, or one tile row, of one side.
    const std::int64_t pieces = run.samples > 1 ? run.samples : run.rows;
    parallel_blocks(2 * pieces, [&](std::int64_t index) {
      const std::int64_t piece = index / 2;
      const Run part = run.samples > 1 ? Run{run.first_sample + piece, 1, run.first_row, run.rows}
                                       : Run{run.first_sample, 1, run.first_row + piece, 1};
      Side side = index % 2 == 0 ? in : out;
      place_tiles(part, tiles, index % 2 == 0 ? R * in.parts - 1 : 0, side.y, side.x);
      if (index % 2 == 0) {
        transform_images<W::points, W::points>(side, part, tiles, x, values, order,
                                               [](const auto& d, auto& z) { W::values(d, z); });
      } else {
        transform_images<tile, W::points>(side, part, tiles, u, slopes, order,
                                          [](const auto& d, auto& z) { W::from_results(d, z); });
      }
    });
    const std::int64_t unpacked = unpacked_volume / (in.width() * out.width());
    const std::int64_t step = unpacked < 16 ? 128 : std::min<std::int64_t>(unpacked, 128);
    parallel_blocks(pairs, [&](std::int64_t i) {
      const Rows rows = wanted<R>(order, i);
      std::int64_t done = 0;
      do {  // once at least, to begin with zeros
        const std::int64_t row = rows.begin + done;
        gemm_serial(true, false, in.width(), sums.width, std::min(step, rows.count - done), 1.0f,
                    values.data + i * values.distance + row * values.width, values.width,
                    slopes.data + i * slopes.distance + row * slopes.width, slopes.width,
                    chunk == 0 && done == 0 ? 0.0f : 1.0f, sums.data + i * sums.distance,
                    sums.width);
        done += step;
      } while (done < rows.count);
    });
  }
  write_filters<R>(g, in, out, sums, w);
}

// Whether parts of two taps leave fewer zeros than parts of three.
bool two_taps(const ConvGeometry& g) { return taps(g) == 2 || taps(g) == 4; }

}  // namespace

bool fits_winograd(const ConvGeometry& g) {
  const bool plain = g.dilation_height == 1 && g.dilation_width == 1 &&
                     g.kernel_height == g.kernel_width && g.stride_height == g.stride_width &&
                     g.pad_top >= 0 && g.pad_left >= 0;
  if (!plain || g.stride_height > 2 || g.kernel_height > longest_kernel) return false;
  const std::int64_t phase_parts = g.stride_height * (two_taps(g) ? parts<2>(g) : parts<3>(g));
  const std::int64_t windows = phase_parts * phase_parts;
  const std::int64_t products = windows * (two_taps(g) ? 25 : 36);  // for a tile of results
  const Tiles tiles = tiles_of(g.out_height, g.out_width);
  const std::int64_t all = g.batch * tiles.down * tiles.across;
  const std::int64_t filters = g.in_channels / g.groups * (g.out_channels / g.groups);
  return 2 * products <= tile * tile * g.kernel_height * g.kernel_width &&
         64 * all * all >= windows * filters && products * filters <= most_filter_floats;
}

// Calls `body` with where each group begins in x, in w and in u or y, and its number.
template <class Body>
static void for_each_group(const ConvGeometry& g, const Body& body) {
  const std::int64_t in = g.in_channels / g.groups, out = g.out_channels / g.groups;
  for (std::int64_t group = 0; group < g.groups; ++group) {
    body(group * in * g.in_height * g.in_width, group * out * in * g.kernel_height * g.kernel_width,
         group * out * g.out_height * g.out_width, group);
  }
}

void conv_output_winograd(const ConvGeometry& g, const float* x, const float* w, const float* bias,
                          float* y) {
  const auto kernel = two_taps(g) ? output<2> : output<3>;
  for_each_group(g, [&](auto in, auto filters, auto out, auto group) {
    kernel(g, x + in, w + filters, bias ? bias + group * (g.out_channels / g.groups) : nullptr,
           y + out);
  });
}

void conv_input_winograd(const ConvGeometry& g, const float* u, const float* w, const float* bias,
                         float* x) {
  const auto kernel = two_taps(g) ? input<2> : input<3>;
  for_each_group(g, [&](auto in, auto filters, auto out, auto group) {
    kernel(g, u + out, w + filters, bias ? bias + group * (g.in_channels / g.groups) : nullptr,
           x + in);
  });
}

void conv_weight_winograd(const ConvGeometry& g, const float* x, const float* u, float* w) {
  const auto kernel = two_taps(g) ? weight<2> : weight<3>;
  for_each_group(
      g, [&](auto in, auto filters, auto out, auto) { kernel(g, x + in, u + out, w + filters); });
}

}  // namespace mnemo::detail
