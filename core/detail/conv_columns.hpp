#pragma once
#include <cstdint>
#include <vector>

#include "mnemo/core/detail/conv_kernels.hpp"
#include "mnemo/core/detail/lanes.hpp"

namespace mnemo::detail {

/// A run of output pixels: all rows of some samples, or some rows of one sample.
struct PixelRun {
  std::int64_t first_sample, samples, first_row, rows;
};

/// Copies between images and the column matrix of a convolution [channels * taps, pixels], whose
/// product with the weights is the convolution. A padded copy of a channel, sorted by the phase of
/// its pixels modulo the stride, stands in between: seen there, each tap's pixels are contiguous
/// rows, for any stride, padding and dilation.
template <class T>
class Columns {
 public:
  explicit Columns(const ConvGeometry& geometry);

  /// Elements of the phase planes of one channel for a run.
  std::int64_t plane_size(const PixelRun& run) const;
  /// Elements that a column matrix of that many rows must have, with the slack that is written.
  static std::int64_t matrix_size(std::int64_t rows, std::int64_t pixels) {
    return rows * pixels + block_size<T>;
  }

  /// columns[c * taps + tap, pixel] = x[sample, channel + c, pixel's place for that tap] or 0
  /// outside.
  void gather(const PixelRun& run, const T* x, std::int64_t channel, std::int64_t channels,
              T* planes, T* columns) const;

  /// The adjoint, first half: adds the columns of `run` into planes that cover `whole` (one after
  /// the other for each channel).
  void scatter(const PixelRun& whole, const PixelRun& run, const T* columns, std::int64_t channels,
               T* planes) const;
  /// Second half: writes the planes into x, on top of the bias of each channel if there is one.
  void write(const PixelRun& whole, const T* planes, std::int64_t channel, std::int64_t channels,
             const T* bias, T* x) const;

  // The planes of one channel and sample alone:
  /// Copies an image into them.
  void fill(const PixelRun& run, const T* image, T* planes) const;
  /// Copies them into an image, on top of a bias.
  void empty(const T* planes, const PixelRun& whole, T bias, T* image) const;
  /// From one output row to the next, and where a tap meets the first pixel of the run.
  std::int64_t row_distance(const PixelRun& run) const { return x_.stride * plane(run).width; }
  std::int64_t tap(const PixelRun& run, std::int64_t ky, std::int64_t kx) const {
    const Plane p = plane(run);
    return x_.shift(kx) +
           ((y_.phase(ky) * p.rows + y_.shift(ky)) * x_.stride + x_.phase(kx)) * p.width;
  }

 private:
  struct Axis {
    std::int64_t in, out, kernel, stride, pad, dilation;
    std::int64_t phase(std::int64_t tap) const { return tap * dilation % stride; }
    std::int64_t shift(std::int64_t tap) const { return tap * dilation / stride; }
    std::int64_t reach() const { return shift(kernel - 1); }
    bool uses(std::int64_t phase_index) const;
  };

  struct Plane {
    std::int64_t rows, width;
  };
  Plane plane(const PixelRun& run) const { return {run.rows + y_.reach(), x_.out + x_.reach()}; }

  // A phase along a row: its places j, begin to end, lie at j * stride + offset in the image.
  struct Phase {
    std::int64_t offset, begin, end;
    bool used;
  };

  std::int64_t channels_;
  Axis y_, x_;
  std::vector<Phase> phases_;
};

}  // namespace mnemo::detail
