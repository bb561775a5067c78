#include "mnemo/core/pooling.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "mnemo/core/detail/axis_map.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/indexing.hpp"
#include "mnemo/core/detail/lanes.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

using detail::AxisMap;
using detail::Block;
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

// The first element of each window that lies inside. Throws where a window holds only padding.
std::vector<std::int64_t> first_inside(const char* name, const Tensor& x, const Windows& w) {
  std::vector<std::int64_t> first;
  for (std::int64_t j = 0; j < w.out; ++j) {
    const std::int64_t outside = std::max<std::int64_t>(0, -w.start(j));
    const std::int64_t taps = (outside + w.dilation - 1) / w.dilation;
    first.push_back(w.start(j) + taps * w.dilation);
    if (taps < w.kernel && first.back() < w.in) continue;
    fail(name, ": a window of input ", x.shape(), " holds only padding");
  }
  return first;
}

// The largest elements of the windows in some planes, and their places in their plane, a vector of
// windows at a time. A line of the image is copied into its padding where windows reach outside, or
// where a vector of them would read beyond `end`.
template <class T, class Place>
class Largest {
 public:
  Largest(const Windows& h, const Windows& w, const std::vector<std::int64_t>& top,
          const std::vector<std::int64_t>& left, const T* end)
      : h_(h),
        w_(w),
        top_(top),
        left_(left.begin(), left.end()),
        end_(end),
        inside_(w.padding == 0 && w.start(w.out - 1) + (w.kernel - 1) * w.dilation < w.in),
        lines_(static_cast<std::size_t>(h.kernel)) {
    const std::int64_t whole = (w.out + width - 1) / width * width;
    length_ = std::max(whole * w.stride + (w.kernel - 1) * w.dilation, w.padding + w.in);
    left_.resize(static_cast<std::size_t>(whole));
    copies_.resize(static_cast<std::size_t>(h.kernel * length_), lowest);
    for (std::int64_t lane = 0; lane < width; ++lane) {
      steps_[lane] = static_cast<Place>(lane * w.stride);
    }
  }

  void operator()(const T* plane, T* values, std::int64_t* places) {
    for (std::int64_t row = 0; row < h_.out; ++row, values += w_.out, places += w_.out) {
      find_lines(plane, row);
      for (std::int64_t k = 0; k < w_.out; k += width) {
        switch (w_.stride) {
          case 1: search<1>(row, k, values + k, places + k); break;
          case 2: search<2>(row, k, values + k, places + k); break;
          default: search<0>(row, k, values + k, places + k);
        }
      }
    }
  }

 private:
  static constexpr T lowest = -std::numeric_limits<T>::infinity();
  static constexpr std::int64_t width = detail::block_size<T>;
  using Places [[gnu::vector_size(width * sizeof(Place))]] = Place;

  void find_lines(const T* plane, std::int64_t row) {
    for (std::int64_t i = 0; i < h_.kernel; ++i) {
      const std::int64_t y = h_.start(row) + i * h_.dilation;
      const T*& line = lines_[static_cast<std::size_t>(i)];
      line = y < 0 || y >= h_.in ? nullptr : plane + y * w_.in;
      if (!line || (inside_ && end_ - line >= length_)) continue;
      T* const copy = copies_.data() + i * length_;
      std::copy_n(line, w_.in, copy + w_.padding);
      line = copy;
    }
  }

  // An element of each of `width` windows, a stride apart.
  template <int stride>
  void load(const T* from, Block<T>& values) const {
    if constexpr (stride == 0) {
      for (std::int64_t lane = 0; lane < width; ++lane) values[lane] = from[lane * w_.stride];
    } else {
      detail::load_block<stride>(from, values);
    }
  }

  template <int stride>
  void search(std::int64_t row, std::int64_t k, T* values, std::int64_t* places) const {
    Block<T> best = Block<T>{} + lowest;
    Places at;
    std::memcpy(&at, left_.data() + k, sizeof at);
    at += static_cast<Place>(top_[static_cast<std::size_t>(row)] * w_.in);
    for (std::int64_t i = 0; i < h_.kernel; ++i) {
      const T* const line = lines_[static_cast<std::size_t>(i)];
      if (!line) continue;
      const std::int64_t first = k * w_.stride - w_.padding;
      const std::int64_t y = h_.start(row) + i * h_.dilation;
      for (std::int64_t j = 0; j < w_.kernel; ++j) {
        const std::int64_t x = j * w_.dilation;
        Block<T> value;
        load<stride>(line + k * w_.stride + x, value);
        const auto wins = (value > best) | (value != value);
        best = wins ? value : best;
        at = __builtin_convertvector(wins, Places)
                 ? steps_ + static_cast<Place>(y * w_.in + first + x)
                 : at;
      }
    }
    const auto count = static_cast<std::size_t>(std::min(width, w_.out - k));
    using Wide [[gnu::vector_size(width * sizeof(std::int64_t))]] = std::int64_t;
    const Wide wide = __builtin_convertvector(at, Wide);
    std::memcpy(values, &best, count * sizeof(T));
    std::memcpy(places, &wide, count * sizeof(std::int64_t));
  }

  const Windows &h_, &w_;
  const std::vector<std::int64_t>& top_;
  std::vector<Place> left_;
  const T* end_;
  bool inside_;
  std::vector<const T*> lines_;
  std::vector<T> copies_;
  std::int64_t length_;
  Places steps_;
};

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
               Tensor (*pool)(const char*, const Tensor&, const PoolOptions&)) {
  if (x.rank(name) != 3) fail(name, ": takes [batch, channels, length], got ", x.shape());
  for (const Pair& pair : {options.kernel, options.stride, options.padding, options.dilation}) {
    if (pair.height == pair.width) continue;
    fail(name, ": [", pair.height, ", ", pair.width, "] in the options should be one number");
  }
  options.kernel.height = 1;
  options.stride.height = 1;
  options.padding.height = 0;
  options.dilation.height = 1;
  const Tensor y = pool(name, x.reshape({x.size(0), x.size(1), 1, x.size(2)}), options);
  return y.reshape({y.size(0), y.size(1), y.size(3)});
}

Tensor max_pool(const char* name, const Tensor& x, const PoolOptions& options) {
  const ImageWindows windows = image_windows(name, x, options);
  const Shape planes{x.size(0) * x.size(1), x.size(2) * x.size(3)};
  Tensor values({planes[0], windows.height.out * windows.width.out}, x.dtype());
  const Tensor places(values.shape(), DType::int64);
  const auto top = first_inside(name, x, windows.height);
  const auto left = first_inside(name, x, windows.width);
  const std::int64_t work = values.size(1) * options.kernel.height * options.kernel.width;
  detail::with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const from = x.data<T>();
    T* const largest = values.mutable_data<T>();
    std::int64_t* const chosen = places.mutable_data<std::int64_t>();
    const auto search = [&]<class Place>(Place) {
      const std::int64_t grain = std::max<std::int64_t>(1, 16384 / work);
      detail::parallel_range(planes[0], grain, [&](std::int64_t begin, std::int64_t end) {
        Largest<T, Place> find(windows.height, windows.width, top, left, from + x.elements());
        for (std::int64_t p = begin; p < end; ++p) {
          find(from + p * planes[1], largest + p * values.size(1), chosen + p * values.size(1));
        }
      });
    };
    const bool narrow = sizeof(T) == 4 && planes[1] < std::numeric_limits<std::int32_t>::max() / 2;
    narrow ? search(std::int32_t{}) : search(std::int64_t{});
  });
  const auto rule = [name, places, planes, whole = x.shape()](Pullback& back) {
    back.to(0, [&] {
      const Tensor g = back.gradient().reshape(places.shape());
      return detail::scattered(name, zeros(planes, g.dtype()), 1, places, g).reshape(whole);
    });
  };
  return record(name, values.reshape({x.size(0), x.size(1), windows.height.out, windows.width.out}),
                {}, rule, x);
}

Tensor avg_pool(const char* name, const Tensor& x, const PoolOptions& options) {
  if (options.dilation.height != 1 || options.dilation.width != 1) {
    fail(name, ": dilation [", options.dilation.height, ", ", options.dilation.width,
         "] is for max pooling only");
  }
  const auto [height, width] = image_windows(name, x, options);
  return detail::apply_image_maps(name, x, averages(height, options.count_include_pad),
                                  averages(width, options.count_include_pad));
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolOptions& options) {
  return max_pool("max_pool2d", x, options);
}
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) {
  return avg_pool("avg_pool2d", x, options);
}
Tensor max_pool1d(const Tensor& x, const PoolOptions& options) {
  return of_line("max_pool1d", x, options, max_pool);
}
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options) {
  return of_line("avg_pool1d", x, options, avg_pool);
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
  return detail::within("global_avg_pool2d", [&] {
    return mean(x, {.axes = {2, 3}, .keepdims = true});
  });
}

Tensor global_max_pool2d(const Tensor& x) {
  detail::expect_image("global_max_pool2d", x);
  return detail::within("global_max_pool2d", [&] {
    return max(x, {.axes = {2, 3}, .keepdims = true});
  });
}

}  // namespace mnemo
