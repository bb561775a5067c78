#include "mnemo/core/detail/conv_gemm.hpp"

#include <algorithm>

#include "mnemo/core/detail/conv_columns.hpp"
#include "mnemo/core/detail/division.hpp"
#include "mnemo/core/detail/gemm.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/scratch.hpp"

namespace mnemo::detail {
namespace {

constexpr std::int64_t column_elements = 1 << 18;  // of a column matrix: 1 MiB of floats
constexpr std::int64_t few_pixels = 192;           // fewer, and samples share one product
constexpr std::int64_t plane_elements = 1 << 20;
constexpr std::int64_t most_partials = 16;
constexpr std::int64_t partial_elements = 1 << 24;

// Sizes of one group, and how its work is cut. Everything follows from the geometry.
struct Plan {
  std::int64_t in, out, taps, pixels;  // channels of the group, pixels of an output image
  std::int64_t samples, rows;          // of one run of pixels
  std::int64_t sample_runs, row_runs;

  explicit Plan(const ConvGeometry& g)
      : in(g.in_channels / g.groups),
        out(g.out_channels / g.groups),
        taps(g.kernel_height * g.kernel_width),
        pixels(g.out_height * g.out_width) {
    // Many pixels pay for the copies of the weights into OpenBLAS's panels; still some runs.
    const std::int64_t least = std::clamp<std::int64_t>(g.batch * pixels / 4, 64, 256);
    const std::int64_t wanted =
        std::clamp<std::int64_t>(column_elements / (in * taps), least, 1024);
    if (pixels >= few_pixels) {
      sample_runs = g.batch;
      row_runs = ceil_div(g.out_height, std::max<std::int64_t>(wanted / g.out_width, 1));
    } else {
      sample_runs = ceil_div(g.batch, std::clamp<std::int64_t>(wanted / pixels, 1, g.batch));
      row_runs = 1;
    }
    samples = ceil_div(g.batch, sample_runs);
    sample_runs = ceil_div(g.batch, samples);
    rows = ceil_div(g.out_height, row_runs);
    row_runs = ceil_div(g.out_height, rows);
  }

  std::int64_t runs() const { return sample_runs * row_runs; }
  PixelRun run(const ConvGeometry& g, std::int64_t index) const {
    const std::int64_t sample = index / row_runs * samples, row = index % row_runs * rows;
    return {sample, std::min(samples, g.batch - sample), row, std::min(rows, g.out_height - row)};
  }
  std::int64_t run_pixels(const ConvGeometry& g) const { return samples * rows * g.out_width; }
};

// The pixels of a run in an array [batch, channels, pixels] as a matrix [channels, pixels].
template <class T>
struct Pixels {
  T* data;
  std::int64_t stride;
};

// Where a run lies in one sample it is there already; samples are gathered into scratch.
template <class T>
Pixels<const T> pixel_matrix(const ConvGeometry& g, const Plan& plan, const PixelRun& run,
                             const T* u, std::int64_t channel) {
  const T* from = u + (run.first_sample * g.out_channels + channel) * plan.pixels;
  if (run.samples == 1) return {from + run.first_row * g.out_width, plan.pixels};
  const std::int64_t stride = run.samples * plan.pixels;
  T* const matrix = scratch<T>(Slot::gathered, plan.out * stride);
  for (std::int64_t s = 0; s < run.samples; ++s, from += g.out_channels * plan.pixels) {
    for (std::int64_t o = 0; o < plan.out; ++o) {
      std::copy_n(from + o * plan.pixels, plan.pixels, matrix + o * stride + s * plan.pixels);
    }
  }
  return {matrix, stride};
}

// A kernel of one tap that meets every pixel once: the image is its own column matrix.
bool is_pointwise(const ConvGeometry& g) {
  return g.kernel_height == 1 && g.kernel_width == 1 && g.stride_height == 1 &&
         g.stride_width == 1 && g.pad_top == 0 && g.pad_left == 0 && g.in_height == g.out_height &&
         g.in_width == g.out_width;
}

// The column matrix [in * taps, pixels] of a group and a run.
template <class T>
Pixels<const T> column_matrix(const ConvGeometry& g, const Plan& plan, const Columns<T>& columns,
                              const PixelRun& run, const T* x, std::int64_t group) {
  if (run.samples == 1 && is_pointwise(g)) {
    const std::int64_t image = run.first_sample * g.in_channels + group * plan.in;
    return {x + image * plan.pixels + run.first_row * g.out_width, plan.pixels};
  }
  const std::int64_t pixels = run.samples * run.rows * g.out_width;
  T* const planes = scratch<T>(Slot::planes, columns.plane_size(run));
  T* const matrix = scratch<T>(Slot::columns, Columns<T>::matrix_size(plan.in * plan.taps, pixels));
  columns.gather(run, x, group * plan.in, plan.in, planes, matrix);
  return {matrix, pixels};
}

template <class T>
void fill_rows(T* to, std::int64_t rows, std::int64_t count, std::int64_t stride, const T* values) {
  for (std::int64_t row = 0; row < rows; ++row) std::fill_n(to + row * stride, count, values[row]);
}

// The gradient of a pointwise kernel: a product straight into x.
template <class T>
void pointwise_input(const ConvGeometry& g, const Plan& plan, const PixelRun& run,
                     std::int64_t group, const T* u, const T* w, const T* bias, T* x) {
  const std::int64_t channel = group * plan.in, pixels = run.rows * g.out_width;
  const Pixels<const T> from = pixel_matrix(g, plan, run, u, group * plan.out);
  T* const to =
      x + (run.first_sample * g.in_channels + channel) * plan.pixels + run.first_row * g.out_width;
  if (bias) fill_rows(to, plan.in, pixels, plan.pixels, bias + channel);
  gemm_serial(true, false, plan.in, pixels, plan.out, T(1), w + group * plan.out * plan.in, plan.in,
              from.data, from.stride, bias ? T(1) : T(0), to, plan.pixels);
}

}  // namespace

template <class T>
void conv_output_gemm(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y) {
  const Plan plan(g);
  const Columns<T> columns(g);
  const std::int64_t depth = plan.in * plan.taps;
  parallel_blocks(g.groups * plan.runs(), [&](std::int64_t index) {
    const std::int64_t group = index / plan.runs(), channel = group * plan.out;
    const PixelRun run = plan.run(g, index % plan.runs());
    const std::int64_t pixels = run.samples * run.rows * g.out_width;
    const Pixels<const T> matrix = column_matrix(g, plan, columns, run, x, group);
    T* const first = y + (run.first_sample * g.out_channels + channel) * plan.pixels;
    if (run.samples == 1) {
      T* const to = first + run.first_row * g.out_width;
      if (bias) fill_rows(to, plan.out, pixels, plan.pixels, bias + channel);
      return gemm_serial(false, false, plan.out, pixels, depth, T(1), w + channel * depth, depth,
                         matrix.data, matrix.stride, bias ? T(1) : T(0), to, plan.pixels);
    }
    T* const product = scratch<T>(Slot::product, plan.out * pixels);
    gemm_serial(false, false, plan.out, pixels, depth, T(1), w + channel * depth, depth,
                matrix.data, matrix.stride, T(0), product, pixels);
    for (std::int64_t s = 0; s < run.samples; ++s) {
      for (std::int64_t o = 0; o < plan.out; ++o) {
        const T* const from = product + o * pixels + s * plan.pixels;
        T* const to = first + (s * g.out_channels + o) * plan.pixels;
        const T add = bias ? bias[channel + o] : T(0);
        for (std::int64_t p = 0; p < plan.pixels; ++p) to[p] = from[p] + add;
      }
    }
  });
}

template <class T>
void conv_input_gemm(const ConvGeometry& g, const T* u, const T* w, const T* bias, T* x) {
  const Plan plan(g);
  const Columns<T> columns(g);
  const std::int64_t depth = plan.in * plan.taps;
  if (plan.samples == 1 && is_pointwise(g)) {
    return parallel_blocks(g.groups * plan.runs(), [&](std::int64_t index) {
      pointwise_input(g, plan, plan.run(g, index % plan.runs()), index / plan.runs(), u, w, bias,
                      x);
    });
  }
  // Runs of one sample overlap in x, so they follow each other; channels of x are independent.
  PixelRun largest = plan.run(g, 0);
  largest.rows = g.out_height;
  const std::int64_t fitting = std::min(column_elements / (plan.taps * plan.run_pixels(g)),
                                        plane_elements / columns.plane_size(largest));
  const std::int64_t channels = std::clamp<std::int64_t>(fitting, 1, plan.in);
  const std::int64_t parts = ceil_div(plan.in, channels);
  parallel_blocks(g.groups * parts * plan.sample_runs, [&](std::int64_t index) {
    const std::int64_t sample_run = index % plan.sample_runs;
    const std::int64_t part = index / plan.sample_runs % parts;
    const std::int64_t group = index / plan.sample_runs / parts;
    const std::int64_t first = part * channels, count = std::min(channels, plan.in - first);
    PixelRun whole = plan.run(g, sample_run * plan.row_runs);
    whole.rows = g.out_height;
    const std::int64_t planes_size = count * columns.plane_size(whole);
    T* const planes = scratch<T>(Slot::planes, planes_size);
    std::fill_n(planes, planes_size, T(0));
    for (std::int64_t r = 0; r < plan.row_runs; ++r) {
      const PixelRun run = plan.run(g, sample_run * plan.row_runs + r);
      const std::int64_t pixels = run.samples * run.rows * g.out_width;
      const Pixels<const T> from = pixel_matrix(g, plan, run, u, group * plan.out);
      T* const matrix =
          scratch<T>(Slot::columns, Columns<T>::matrix_size(count * plan.taps, pixels));
      gemm_serial(true, false, count * plan.taps, pixels, plan.out, T(1),
                  w + group * plan.out * depth + first * plan.taps, depth, from.data, from.stride,
                  T(0), matrix, pixels);
      columns.scatter(whole, run, matrix, count, planes);
    }
    columns.write(whole, planes, group * plan.in + first, count, bias, x);
  });
}

template <class T>
void conv_weight_gemm(const ConvGeometry& g, const T* x, const T* u, T* w) {
  const Plan plan(g);
  const Columns<T> columns(g);
  const std::int64_t depth = plan.in * plan.taps, size = g.out_channels * depth;
  // Each part sums its runs one after the other; the parts' sums are then added in their order.
  const std::int64_t parts =
      std::clamp<std::int64_t>(partial_elements / size, 1, std::min(most_partials, plan.runs()));
  T* const partials = parts == 1 ? w : scratch<T>(Slot::partial, parts * size);
  parallel_blocks(g.groups * parts, [&](std::int64_t index) {
    const std::int64_t group = index / parts, part = index % parts, channel = group * plan.out;
    T* const sum = partials + part * size + channel * depth;
    const std::int64_t begin = part * plan.runs() / parts, end = (part + 1) * plan.runs() / parts;
    for (std::int64_t r = begin; r < end; ++r) {
      const PixelRun run = plan.run(g, r);
      const std::int64_t pixels = run.samples * run.rows * g.out_width;
      const Pixels<const T> matrix = column_matrix(g, plan, columns, run, x, group);
      const Pixels<const T> from = pixel_matrix(g, plan, run, u, channel);
      gemm_serial(false, true, plan.out, depth, pixels, T(1), from.data, from.stride, matrix.data,
                  matrix.stride, r == begin ? T(0) : T(1), sum, depth);
    }
  });
  if (parts == 1) return;
  parallel_range(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    std::copy(partials + begin, partials + end, w + begin);
    for (std::int64_t part = 1; part < parts; ++part) {
      const T* const add = partials + part * size;
      for (std::int64_t i = begin; i < end; ++i) w[i] += add[i];
    }
  });
}

template void conv_output_gemm(const ConvGeometry&, const float*, const float*, const float*,
                               float*);
template void conv_input_gemm(const ConvGeometry&, const float*, const float*, const float*,
                              float*);
template void conv_weight_gemm(const ConvGeometry&, const float*, const float*, float*);
template void conv_output_gemm(const ConvGeometry&, const double*, const double*, const double*,
                               double*);
template void conv_input_gemm(const ConvGeometry&, const double*, const double*, const double*,
                              double*);
template void conv_weight_gemm(const ConvGeometry&, const double*, const double*, double*);

}  // namespace mnemo::detail
