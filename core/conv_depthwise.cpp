#include "mnemo/core/detail/conv_depthwise.hpp"

#include <algorithm>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/detail/conv_columns.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/scratch.hpp"

namespace mnemo::detail {
namespace {

// An image in its phase planes (conv_columns.hpp) and a result whose rows lie as far apart as
// there: then each tap is one long run of the planes, shifted, for any stride, padding and
// dilation. What lies between the rows of the result is nobody's.
template <class T>
struct Channel {
  using Batch = xsimd::batch<T>;
  static constexpr std::int64_t width = Batch::size;

  explicit Channel(const ConvGeometry& geometry)
      : g(geometry),
        columns(geometry),
        run{0, 1, 0, g.out_height},
        distance(columns.row_distance(run)),
        length((g.out_height - 1) * distance + g.out_width),
        padded((length + width - 1) / width * width),
        planes_size(columns.plane_size(run) + padded - length) {
    for (std::int64_t ky = 0; ky < g.kernel_height; ++ky) {
      for (std::int64_t kx = 0; kx < g.kernel_width; ++kx) {
        taps.push_back(columns.tap(run, ky, kx));
      }
    }
  }

  T* planes() const { return scratch<T>(Slot::planes, planes_size); }
  T* rows() const { return scratch<T>(Slot::product, padded); }

  // Rows of u at their distance, zeros between them.
  const T* spread(const T* u) const {
    T* const to = rows();
    std::fill_n(to, padded, T(0));
    for (std::int64_t r = 0; r < g.out_height; ++r) {
      std::copy_n(u + r * g.out_width, g.out_width, to + r * distance);
    }
    return to;
  }

  // The samples of a channel follow each other in blocks; `body(n, c)` for each pair.
  template <class Body>
  static void for_each(const ConvGeometry& g, std::int64_t channels, const Body& body) {
    parallel_range(g.batch * channels, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(i / channels, i % channels);
    });
  }

  const ConvGeometry& g;
  Columns<T> columns;
  PixelRun run;
  std::int64_t distance, length, padded, planes_size;
  std::vector<std::int64_t> taps;
};

}  // namespace

bool fits_depthwise(const ConvGeometry& g) {
  return g.groups > 1 && g.in_channels == g.groups && g.out_channels <= 4 * g.groups;
}

template <class T>
void conv_output_depthwise(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y) {
  using Batch = xsimd::batch<T>;
  const Channel<T> channel(g);
  const std::int64_t each = g.out_channels / g.groups;
  const auto taps = static_cast<std::int64_t>(channel.taps.size());
  Channel<T>::for_each(g, g.out_channels, [&](std::int64_t n, std::int64_t o) {
    T* const planes = channel.planes();
    channel.columns.fill(channel.run, x + (n * g.in_channels + o / each) * g.in_height * g.in_width,
                         planes);
    T* const sums = channel.rows();
    for (std::int64_t i = 0; i < channel.padded; i += Channel<T>::width) {
      Batch sum(bias ? bias[o] : T(0));
      for (std::int64_t t = 0; t < taps; ++t) {
        const T* const from = planes + channel.taps[static_cast<std::size_t>(t)] + i;
        sum += Batch(w[o * taps + t]) * Batch::load_unaligned(from);
      }
      sum.store_unaligned(sums + i);
    }
    T* const to = y + (n * g.out_channels + o) * g.out_height * g.out_width;
    for (std::int64_t r = 0; r < g.out_height; ++r) {
      std::copy_n(sums + r * channel.distance, g.out_width, to + r * g.out_width);
    }
  });
}

template <class T>
void conv_input_depthwise(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x) {
  const Channel<T> channel(g);
  const std::int64_t each = g.out_channels / g.groups;
  const auto taps = static_cast<std::int64_t>(channel.taps.size());
  Channel<T>::for_each(g, g.in_channels, [&](std::int64_t n, std::int64_t c) {
    T* const planes = channel.planes();
    std::fill_n(planes, channel.planes_size, T(0));
    for (std::int64_t o = c * each; o < (c + 1) * each; ++o) {
      const T* __restrict const from =
          channel.spread(u + (n * g.out_channels + o) * g.out_height * g.out_width);
      for (std::int64_t t = 0; t < taps; ++t) {
        const T tap = w[o * taps + t];
        T* __restrict const to = planes + channel.taps[static_cast<std::size_t>(t)];
        for (std::int64_t i = 0; i < channel.padded; ++i) to[i] += tap * from[i];
      }
    }
    channel.columns.empty(planes, channel.run, bias ? bias[c] : T(0),
                          x + (n * g.in_channels + c) * g.in_height * g.in_width);
  });
}

template <class T>
void conv_weight_depthwise(const ConvGeometry& g, const T* x, const T* u, T* w) {
  using Batch = xsimd::batch<T>;
  const Channel<T> channel(g);
  const std::int64_t each = g.out_channels / g.groups;
  const auto taps = static_cast<std::int64_t>(channel.taps.size());
  // A few channels at a time, sample by sample, so that memory is read in long runs.
  parallel_range(g.out_channels, 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>((end - begin) * taps), 0.0);
    for (std::int64_t n = 0; n < g.batch; ++n) {
      double* sum_of_tap = sums.data();
      for (std::int64_t o = begin; o < end; ++o) {
        T* const planes = channel.planes();
        channel.columns.fill(channel.run,
                             x + (n * g.in_channels + o / each) * g.in_height * g.in_width, planes);
        const T* const slopes =
            channel.spread(u + (n * g.out_channels + o) * g.out_height * g.out_width);
        for (const std::int64_t tap : channel.taps) {
          Batch sum(T(0));
          for (std::int64_t i = 0; i < channel.padded; i += Channel<T>::width) {
            sum += Batch::load_unaligned(slopes + i) * Batch::load_unaligned(planes + tap + i);
          }
          *sum_of_tap++ += static_cast<double>(xsimd::hadd(sum));
        }
      }
    }
    std::transform(sums.begin(), sums.end(), w + begin * taps,
                   [](double sum) { return static_cast<T>(sum); });
  });
}

template void conv_output_depthwise(const ConvGeometry&, const float*, const float*, const float*,
                                    float*);
template void conv_input_depthwise(const ConvGeometry&, const float*, const float*, const float*,
                                   float*);
template void conv_weight_depthwise(const ConvGeometry&, const float*, const float*, float*);
template void conv_output_depthwise(const ConvGeometry&, const double*, const double*,
                                    const double*, double*);
template void conv_input_depthwise(const ConvGeometry&, const double*, const double*, const double*,
                                   double*);
template void conv_weight_depthwise(const ConvGeometry&, const double*, const double*, double*);

}  // namespace mnemo::detail
