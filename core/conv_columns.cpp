#include "mnemo/core/detail/conv_columns.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "mnemo/core/detail/division.hpp"
#include "mnemo/core/detail/lanes.hpp"

namespace mnemo::detail {
namespace {

template <std::int64_t value>
using Constant = std::integral_constant<std::int64_t, value>;

// Calls `body` with the stride; the common ones are constants, for which there are vectors.
template <class Body>
void with_stride(std::int64_t stride, const Body& body) {
  switch (stride) {
    case 1: return body(Constant<1>());
    case 2: return body(Constant<2>());
    default: return body(stride);
  }
}

// `count` elements of an image, `stride` apart, to contiguous places. Where there is `room` on both
// sides, it goes on to the end of a block; what is written next puts that right.
template <class T, class Stride>
void take_row(const T* from, Stride stride, std::int64_t count, bool room, T* to) {
  if constexpr (!std::is_same_v<Stride, std::int64_t>) {
    for (std::int64_t j = 0; room && j < count; j += block_size<T>) {
      Block<T> values;
      load_block<stride()>(from + j * stride, values);
      std::memcpy(to + j, &values, sizeof values);
    }
    if (room) return;
  }
  for (std::int64_t j = 0; j < count; ++j) to[j] = from[j * stride];
}

// Zeros, up to the end of a block.
template <class T>
void clear_row(T* to, std::int64_t count) {
  for (std::int64_t j = 0; j < count; j += block_size<T>) {
    const Block<T> zeros{};
    std::memcpy(to + j, &zeros, sizeof zeros);
  }
}

// The way back, with `add` added.
template <class T, class Stride>
void put_row(const T* from, Stride stride, std::int64_t count, bool room, T add, T* to) {
  if constexpr (std::is_same_v<Stride, Constant<1>>) {
    for (std::int64_t j = 0; room && j < count; j += block_size<T>) {
      Block<T> values;
      load_block<1>(from + j, values);
      values += add;
      std::memcpy(to + j, &values, sizeof values);
    }
    if (room) return;
  }
  for (std::int64_t j = 0; j < count; ++j) to[j * stride] = from[j] + add;
}

}  // namespace

template <class T>
Columns<T>::Columns(const ConvGeometry& g)
    : channels_(g.in_channels),
      y_{g.in_height, g.out_height, g.kernel_height, g.stride_height, g.pad_top, g.dilation_height},
      x_{g.in_width, g.out_width, g.kernel_width, g.stride_width, g.pad_left, g.dilation_width} {
  for (std::int64_t phase = 0; phase < x_.stride; ++phase) {
    const std::int64_t offset = phase - x_.pad;
    const std::int64_t begin = std::max<std::int64_t>(ceil_div(-offset, x_.stride), 0);
    const std::int64_t end = std::max(ceil_div(x_.in - offset, x_.stride), begin);
    phases_.push_back({offset, begin, end, x_.uses(phase)});
  }
}

template <class T>
bool Columns<T>::Axis::uses(std::int64_t phase_index) const {
  for (std::int64_t tap = 0; tap < kernel; ++tap) {
    if (phase(tap) == phase_index) return true;
  }
  return false;
}

template <class T>
std::int64_t Columns<T>::plane_size(const PixelRun& run) const {
  const Plane p = plane(run);
  return run.samples * y_.stride * x_.stride * p.rows * p.width + block_size<T>;
}

// planes[phase_y][row][phase_x][j] = image[(first_row + row) * stride + phase_y - pad, j * stride +
// ...], in the order of the addresses, so that each row puts right what the one before it wrote
// beyond its end.
template <class T>
void Columns<T>::fill(const PixelRun& run, const T* image, T* planes) const {
  const Plane p = plane(run);
  const T* const stop = image + y_.in * x_.in;
  for (std::int64_t phase_y = 0; phase_y < y_.stride; ++phase_y) {
    if (!y_.uses(phase_y)) continue;
    T* row = planes + phase_y * p.rows * x_.stride * p.width;
    std::int64_t iy = run.first_row * y_.stride + phase_y - y_.pad;
    for (std::int64_t r = 0; r < p.rows; ++r, row += x_.stride * p.width, iy += y_.stride) {
      T* to = row;
      for (const Phase& phase : phases_) {
        const std::int64_t begin = std::min(phase.begin, p.width);
        const std::int64_t count = std::min(phase.end, p.width) - begin;
        const T* const from = image + iy * x_.in + phase.offset + begin * x_.stride;
        const bool room = stop - from >= (count + block_size<T>)*x_.stride;
        if (phase.used && (iy < 0 || iy >= y_.in)) {
          clear_row(to, p.width);
        } else if (phase.used) {
          clear_row(to, begin);
          with_stride(x_.stride,
                      [&](auto stride) { take_row(from, stride, count, room, to + begin); });
          clear_row(to + begin + count, p.width - begin - count);
        }
        to += p.width;
      }
    }
  }
}

template <class T>
void Columns<T>::gather(const PixelRun& run, const T* x, std::int64_t channel,
                        std::int64_t channels, T* planes, T* columns) const {
  const Plane p = plane(run);
  const std::int64_t sample_plane = y_.stride * x_.stride * p.rows * p.width;
  const std::int64_t image = y_.in * x_.in;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t s = 0; s < run.samples; ++s) {
      fill(run, x + ((run.first_sample + s) * channels_ + channel + c) * image,
           planes + s * sample_plane);
    }
    // Blocks run over the end of a row. Rows are written in the order of their addresses, so the
    // next one puts that right; after the last one there is slack.
    for (std::int64_t ky = 0; ky < y_.kernel; ++ky) {
      for (std::int64_t kx = 0; kx < x_.kernel; ++kx) {
        const T* const first = planes + tap(run, ky, kx);
        for (std::int64_t s = 0; s < run.samples; ++s) {
          const T* from = first + s * sample_plane;
          for (std::int64_t r = 0; r < run.rows; ++r, from += x_.stride * p.width) {
            for (std::int64_t j = 0; j < x_.out; j += block_size<T>) {
              std::memcpy(columns + j, from + j, block_size<T> * sizeof(T));
            }
            columns += x_.out;
          }
        }
      }
    }
  }
}

template <class T>
void Columns<T>::scatter(const PixelRun& whole, const PixelRun& run, const T* columns,
                         std::int64_t channels, T* planes) const {
  const Plane p = plane(whole);
  const std::int64_t sample_plane = y_.stride * x_.stride * p.rows * p.width;
  for (std::int64_t c = 0; c < channels; ++c, planes += whole.samples * sample_plane) {
    for (std::int64_t ky = 0; ky < y_.kernel; ++ky) {
      for (std::int64_t kx = 0; kx < x_.kernel; ++kx) {
        T* const first =
            planes + tap(whole, ky, kx) + (run.first_row - whole.first_row) * row_distance(whole);
        for (std::int64_t s = 0; s < run.samples; ++s) {
          T* __restrict to = first + s * sample_plane;
          for (std::int64_t r = 0; r < run.rows; ++r, to += x_.stride * p.width) {
            const T* __restrict from = columns;
            for (std::int64_t j = 0; j < x_.out; ++j) to[j] += from[j];
            columns += x_.out;
          }
        }
      }
    }
  }
}

template <class T>
void Columns<T>::empty(const T* planes, const PixelRun& whole, T bias, T* image) const {
  const Plane p = plane(whole);
  const T* const stop = image + y_.in * x_.in;
  for (std::int64_t iy = 0; iy < y_.in; ++iy) {
    T* const row = image + iy * x_.in;
    const std::int64_t place_y = iy + y_.pad;
    const std::int64_t r = place_y / y_.stride, phase_y = place_y % y_.stride;
    if (place_y < 0 || r >= p.rows || !y_.uses(phase_y)) {
      std::fill_n(row, x_.in, bias);
      continue;
    }
    const T* from = planes + (phase_y * p.rows + r) * x_.stride * p.width;
    for (const Phase& phase : phases_) {
      // All places of this phase in the row; those that the planes reach, get their sums.
      const std::int64_t reached =
          phase.used ? std::clamp(p.width, phase.begin, phase.end) : phase.begin;
      const std::int64_t count = reached - phase.begin;
      T* const to = row + phase.offset + phase.begin * x_.stride;
      const bool room = stop - to >= count + block_size<T>;
      with_stride(x_.stride, [&](auto stride) {
        put_row(from + phase.begin, stride, count, room, bias, to);
        for (std::int64_t j = count; j < phase.end - phase.begin; ++j) to[j * stride] = bias;
      });
      from += p.width;
    }
    // Negative padding crops the image: what lies before the first place of every phase.
    for (std::int64_t ix = 0; ix < std::min(-x_.pad, x_.in); ++ix) row[ix] = bias;
  }
}

template <class T>
void Columns<T>::write(const PixelRun& whole, const T* planes, std::int64_t channel,
                       std::int64_t channels, const T* bias, T* x) const {
  const Plane p = plane(whole);
  const std::int64_t sample_plane = y_.stride * x_.stride * p.rows * p.width;
  const std::int64_t image = y_.in * x_.in;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t s = 0; s < whole.samples; ++s, planes += sample_plane) {
      empty(planes, whole, bias ? bias[channel + c] : T(0),
            x + ((whole.first_sample + s) * channels_ + channel + c) * image);
    }
  }
}

template class Columns<float>;
template class Columns<double>;

}  // namespace mnemo::detail
