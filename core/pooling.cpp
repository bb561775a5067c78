#include "mnemo/core/pooling.hpp"

#include <algorithm>
#include <vector>

#include "mnemo/core/detail/axis_map.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

using detail::AxisMap;
using detail::fail;

// The windows along one axis.
struct Windows {
  std::int64_t in, kernel, stride, padding, dilation, out;

  // Where window `j` starts: at or before the first element it holds.
  std::int64_t start(std::int64_t j) const { return j * stride - padding; }
};

Windows windows_of(const char* name, const Shape& shape, std::int64_t in, std::int64_t kernel,
                   std::int64_t stride, std::int64_t padding, std::int64_t dilation,
                   bool ceil_mode) {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  if (kernel < 1 || stride < 0 || padding < 0 || dilation < 1 ||
      std::max({kernel, stride, padding, dilation}) > most) {
    fail(name, ": kernel ", kernel, ", stride ", stride, ", padding ", padding, " and dilation ",
         dilation, " do not make windows");
  }
  if (2 * padding > kernel) {
    fail(name, ": padding ", padding, " is more than half of the kernel ", kernel);
  }
  Windows w{in, kernel, stride == 0 ? kernel : stride, padding, dilation, 0};
  const std::int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
  if (room < 0 || in < 1) {
    fail(name, ": kernel ", kernel, " with dilation ", dilation, " is larger than input ", shape,
         " with padding ", padding);
  }
  w.out = (room + (ceil_mode ? w.stride - 1 : 0)) / w.stride + 1;
  if (ceil_mode && w.start(w.out - 1) >= in) --w.out;
  return w;
}

struct ImageWindows {
  Windows height, width;
};

ImageWindows image_windows(const char* name, const Tensor& x, const PoolOptions& options) {
  detail::expect_image(name, x);
  const auto& [kernel, stride, padding, dilation, ceil_mode, include_pad] = options;
  return {windows_of(name, x.shape(), x.size(2), kernel.height, stride.height, padding.height,
                     dilation.height, ceil_mode),
          windows_of(name, x.shape(), x.size(3), kernel.width, stride.width, padding.width,
                     dilation.width, ceil_mode)};
}

// For each window of one row of windows the place in its plane of the largest element, -1 where the
// window holds only padding. One element of all windows after the other, so that no branch depends
// on the values.
template <class T>
void places_in_row(const T* plane, const Windows& h, const Windows& w, std::int64_t row,
                   std::vector<T>& best, std::int64_t* places) {
  std::fill_n(places, w.out, std::int64_t{-1});
  for (std::int64_t i = 0; i < h.kernel; ++i) {
    const std::int64_t y = h.start(row) + i * h.dilation;
    if (y < 0 || y >= h.in) continue;
    for (std::int64_t j = 0; j < w.kernel; ++j) {
      const std::int64_t shift =
          j * w.dilation - w.padding;  // window k has column k stride + shift
      const std::int64_t first = shift >= 0 ? 0 : (-shift + w.stride - 1) / w.stride;
      const std::int64_t end =
          shift >= w.in ? 0 : std::min(w.out, (w.in - shift + w.stride - 1) / w.stride);
      const T* const line = plane + y * w.in;
      for (std::int64_t k = first; k < end; ++k) {
        const std::int64_t x = k * w.stride + shift;
        const T value = line[x];
        const T before = best[static_cast<std::size_t>(k)];
        const bool wins = (places[k] < 0) | (value > before) | (value != value);
        best[static_cast<std::size_t>(k)] = wins ? value : before;
        places[k] = wins ? y * w.in + x : places[k];
      }
    }
  }
}

Tensor places_of_largest(const char* name, const Tensor& x, const ImageWindows& windows) {
  const Windows& h = windows.height;
  const Windows& w = windows.width;
  const std::int64_t planes = x.size(0) * x.size(1);
  const std::int64_t outputs = h.out * w.out;
  Tensor places({planes, outputs}, DType::int64);
  detail::with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const data = x.data<T>();
    std::int64_t* const out = places.mutable_data<std::int64_t>();
    const std::int64_t work = std::max<std::int64_t>(1, outputs * h.kernel * w.kernel);
    detail::parallel_range(planes, std::max<std::int64_t>(1, 16384 / work),
                           [&, &rows = h, &columns = w](std::int64_t begin, std::int64_t end) {
                             std::vector<T> best(static_cast<std::size_t>(columns.out));
                             for (std::int64_t p = begin; p < end; ++p) {
                               for (std::int64_t i = 0; i < rows.out; ++i) {
                                 places_in_row(data + p * rows.in * columns.in, rows, columns, i,
                                               best, out + p * outputs + i * columns.out);
                               }
                             }
                           });
  });
  for (const std::int64_t place : places.span<std::int64_t>()) {
    if (place < 0) fail(name, ": a window of input ", x.shape(), " holds only padding");
  }
  return places;
}

AxisMap averages(const Windows& w, bool include_pad) {
  AxisMap map{.in = w.in};
  for (std::int64_t j = 0; j < w.out; ++j) {
    const std::int64_t start = w.start(j);
    const std::int64_t stop = std::min(start + w.kernel, w.in + w.padding);
    const std::int64_t first = std::max<std::int64_t>(0, start);
    const std::int64_t last = std::min(stop, w.in);
    const double share = 1.0 / static_cast<double>(include_pad ? stop - start : last - first);
    for (std::int64_t i = first; i < last; ++i) map.add(i, share);
    map.next();
  }
  return map;
}

AxisMap adaptive_averages(std::int64_t in, std::int64_t out) {
  AxisMap map{.in = in};
  for (std::int64_t j = 0; j < out; ++j) {
    const std::int64_t first = j * in / out;
    const std::int64_t last = ((j + 1) * in + out - 1) / out;
    for (std::int64_t i = first; i < last; ++i) map.add(i, 1.0 / static_cast<double>(last - first));
    map.next();
  }
  return map;
}

// A pooling of images for lines: [batch, channels, length].
Tensor of_line(const char* name, const Tensor& x, PoolOptions options,
               Tensor (*pool)(const Tensor&, const PoolOptions&)) {
  if (x.rank() != 3) fail(name, ": takes [batch, channels, length], got ", x.shape());
  options.kernel.height = 1;
  options.stride.height = 1;
  options.padding.height = 0;
  options.dilation.height = 1;
  const Tensor y = pool(x.reshape({x.size(0), x.size(1), 1, x.size(2)}), options);
  return y.reshape({y.size(0), y.size(1), y.size(3)});
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& options) {
  constexpr const char* name = "max_pool2d";
  const ImageWindows windows = image_windows(name, x, options);
  const Tensor planes = x.reshape({x.size(0) * x.size(1), x.size(2) * x.size(3)});
  return gather(planes, 1, places_of_largest(name, x, windows))
      .reshape({x.size(0), x.size(1), windows.height.out, windows.width.out});
}

Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  constexpr const char* name = "avg_pool2d";
  if (options.dilation.height != 1 || options.dilation.width != 1) {
    fail(name, ": dilation [", options.dilation.height, ", ", options.dilation.width,
         "] is for max pooling only");
  }
  const auto [height, width] = image_windows(name, x, options);
  return detail::apply_image_maps(name, x, averages(height, options.count_include_pad),
                                  averages(width, options.count_include_pad));
}

Tensor max_pool1d(const Tensor& x, const PoolOptions& options) {
  return of_line("max_pool1d", x, options, max_pool2d);
}
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options) {
  return of_line("avg_pool1d", x, options, avg_pool2d);
}

Tensor adaptive_avg_pool2d(const Tensor& x, const Pair& size) {
  constexpr const char* name = "adaptive_avg_pool2d";
  detail::expect_image(name, x);
  constexpr std::int64_t most = 1 << 24;  // a map of the axis is made
  if (std::min(size.height, size.width) < 1 || std::max(size.height, size.width) > most ||
      x.size(2) < 1 || x.size(3) < 1) {
    fail(name, ": input ", x.shape(), " cannot be divided into [", size.height, ", ", size.width,
         "] parts");
  }
  return detail::apply_image_maps(name, x, adaptive_averages(x.size(2), size.height),
                                  adaptive_averages(x.size(3), size.width));
}

Tensor global_avg_pool2d(const Tensor& x) {
  detail::expect_image("global_avg_pool2d", x);
  return mean(x, {.axes = {2, 3}, .keepdims = true});
}

Tensor global_max_pool2d(const Tensor& x) {
  detail::expect_image("global_max_pool2d", x);
  return max(x, {.axes = {2, 3}, .keepdims = true});
}

}  // namespace mnemo
