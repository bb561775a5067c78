#include "mnemo/core/detail/conv_columns.hpp"

#include <algorithm>
#include <cstring>

namespace mnemo::detail {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

// The part of a phase row that lies inside the image: elements j with 0 <= j * stride + offset <
// size.
struct Span {
  std::int64_t begin, end;
};

Span inside(std::int64_t offset, std::int64_t stride, std::int64_t size, std::int64_t width) {
  const std::int64_t begin = std::clamp<std::int64_t>(ceil_div(-offset, stride), 0, width);
  return {begin, std::clamp<std::int64_t>(ceil_div(size - offset, stride), begin, width)};
}

// `from` and `to` at a distance of `stride`; the common strides are constants that vectorise.
template <class Body>
void strided(std::int64_t stride, const Body& body) {
  switch (stride) {
    case 1: return body([](std::int64_t j) { return j; });
    case 2: return body([](std::int64_t j) { return 2 * j; });
    default: return body([stride](std::int64_t j) { return stride * j; });
  }
}

}  // namespace

template <class T>
Columns<T>::Columns(const ConvGeometry& g)
    : channels_(g.in_channels),
      y_{g.in_height, g.out_height, g.kernel_height, g.stride_height, g.pad_top, g.dilation_height},
      x_{g.in_width, g.out_width, g.kernel_width, g.stride_width, g.pad_left, g.dilation_width} {}

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
  return run.samples * y_.stride * x_.stride * p.rows * p.width + block;
}

// planes[phase_y][row][phase_x][j] = image[(first_row + row) * stride + phase_y - pad, j * stride +
// ...]
template <class T>
void Columns<T>::fill(const PixelRun& run, const T* image, T* planes) const {
  const Plane p = plane(run);
  for (std::int64_t phase_x = 0; phase_x < x_.stride; ++phase_x) {
    if (!x_.uses(phase_x)) continue;
    const std::int64_t offset = phase_x - x_.pad;
    const Span span = inside(offset, x_.stride, x_.in, p.width);
    for (std::int64_t phase_y = 0; phase_y < y_.stride; ++phase_y) {
      if (!y_.uses(phase_y)) continue;
      T* row = planes + ((phase_y * p.rows) * x_.stride + phase_x) * p.width;
      std::int64_t iy = run.first_row * y_.stride + phase_y - y_.pad;
      for (std::int64_t r = 0; r < p.rows; ++r, row += x_.stride * p.width, iy += y_.stride) {
        if (iy < 0 || iy >= y_.in) {
          std::fill_n(row, p.width, T(0));
          continue;
        }
        std::fill(row, row + span.begin, T(0));
        const std::int64_t from = iy * x_.in + offset;
        strided(x_.stride, [&](auto place) {
          for (std::int64_t j = span.begin; j < span.end; ++j) row[j] = image[from + place(j)];
        });
        std::fill(row + span.end, row + p.width, T(0));
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
            for (std::int64_t j = 0; j < x_.out; j += block) {
              std::memcpy(columns + j, from + j, block * sizeof(T));
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
  for (std::int64_t iy = 0; iy < y_.in; ++iy) {
    T* const row = image + iy * x_.in;
    const std::int64_t place_y = iy + y_.pad;
    const std::int64_t r = place_y / y_.stride, phase_y = place_y % y_.stride;
    if (place_y < 0 || r >= p.rows || !y_.uses(phase_y)) {
      std::fill_n(row, x_.in, bias);
      continue;
    }
    for (std::int64_t phase_x = 0; phase_x < x_.stride; ++phase_x) {
      const T* const from = planes + ((phase_y * p.rows + r) * x_.stride + phase_x) * p.width;
      const std::int64_t offset = phase_x - x_.pad;
      // All places of this phase in the row; those that the planes reach, get their sums.
      const std::int64_t begin = std::max<std::int64_t>(ceil_div(-offset, x_.stride), 0);
      const std::int64_t all = std::max(ceil_div(x_.in - offset, x_.stride), begin);
      const std::int64_t end = x_.uses(phase_x) ? std::clamp(p.width, begin, all) : begin;
      strided(x_.stride, [&](auto place) {
        for (std::int64_t j = begin; j < end; ++j) row[offset + place(j)] = from[j] + bias;
        for (std::int64_t j = end; j < all; ++j) row[offset + place(j)] = bias;
      });
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
