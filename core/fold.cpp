#include "mnemo/core/fold.hpp"

#include <algorithm>

#include "mnemo/core/detail/axis_map.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo {
namespace {

// The windows on an image that padding has made height x width.
struct Grid {
  std::int64_t height, width, rows, columns;
};

Grid grid_of(const char* name, std::int64_t height, std::int64_t width,
             const FoldOptions& options) {
  const auto& [kernel, stride, padding, dilation] = options;
  constexpr std::int64_t most = std::int64_t{1} << 30;
  for (const auto& [pair, least] :
       {std::pair{kernel, 1}, {stride, 1}, {padding, 0}, {dilation, 1}}) {
    if (std::min(pair.height, pair.width) < least || std::max(pair.height, pair.width) > most) {
      detail::fail(name, ": kernel, stride and dilation must be at least 1 and padding 0, got [",
                   kernel.height, ", ", kernel.width, "], [", stride.height, ", ", stride.width,
                   "], [", dilation.height, ", ", dilation.width, "] and [", padding.height, ", ",
                   padding.width, "]");
    }
  }
  constexpr std::int64_t longest = std::int64_t{1} << 29;  // so that no product of two overflows
  if (std::min(height, width) < 1 || std::max(height, width) > longest) {
    detail::fail(name, ": an image of [", height, ", ", width, "] is empty or too large");
  }
  Grid grid{height + 2 * padding.height, width + 2 * padding.width, 0, 0};
  const std::int64_t below = grid.height - dilation.height * (kernel.height - 1) - 1;
  const std::int64_t right = grid.width - dilation.width * (kernel.width - 1) - 1;
  if (below < 0 || right < 0) {
    detail::fail(name, ": kernel [", kernel.height, ", ", kernel.width, "] is larger than image [",
                 height, ", ", width, "] with its padding");
  }
  grid.rows = below / stride.height + 1;
  grid.columns = right / stride.width + 1;
  return grid;
}

// Where in the padded plane each element of each window is.
Tensor places(const Grid& grid, const FoldOptions& options) {
  const auto& [kernel, stride, padding, dilation] = options;
  const Tensor result({kernel.height, kernel.width, grid.rows, grid.columns}, DType::int64);
  std::int64_t* out = result.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < kernel.height; ++i) {
    for (std::int64_t j = 0; j < kernel.width; ++j) {
      for (std::int64_t row = 0; row < grid.rows; ++row) {
        const std::int64_t line = (row * stride.height + i * dilation.height) * grid.width;
        for (std::int64_t column = 0; column < grid.columns; ++column) {
          *out++ = line + column * stride.width + j * dilation.width;
        }
      }
    }
  }
  return result.reshape({-1});
}

}  // namespace

Tensor unfold(const Tensor& x, const FoldOptions& options) {
  detail::expect_image("unfold", x);
  const Grid grid = grid_of("unfold", x.size(2), x.size(3), options);
  const auto [high, wide] = options.padding;
  const Tensor padded = high + wide > 0 ? pad(x, {{0, 0}, {0, 0}, {high, high}, {wide, wide}}) : x;
  const std::int64_t kernel = options.kernel.height * options.kernel.width;
  return index_select(padded.reshape({x.size(0), x.size(1), grid.height * grid.width}), 2,
                      places(grid, options))
      .reshape({x.size(0), x.size(1) * kernel, grid.rows * grid.columns});
}

Tensor fold(const Tensor& columns, const Pair& size, const FoldOptions& options) {
  const Grid grid = grid_of("fold", size.height, size.width, options);
  const std::int64_t kernel = options.kernel.height * options.kernel.width;
  if (columns.rank() != 3 || columns.size(1) % kernel != 0 ||
      columns.size(2) != grid.rows * grid.columns) {
    detail::fail("fold: columns ", columns.shape(), " should be [batch, a multiple of ", kernel,
                 ", ", grid.rows * grid.columns, "] for an image [", size.height, ", ", size.width,
                 "]");
  }
  const std::int64_t batch = columns.size(0);
  const std::int64_t channels = columns.size(1) / kernel;
  const Tensor blank = zeros({batch, channels, grid.height, grid.width}, columns.dtype())
                           .reshape({batch, channels, grid.height * grid.width});
  const Tensor where = places(grid, options);
  const Tensor sums = detail::within("fold", [&] {
    return index_add(blank, 2, where, columns.reshape({batch, channels, where.elements()}));
  });
  const Tensor image = sums.reshape({batch, channels, grid.height, grid.width});
  const auto [high, wide] = options.padding;
  if (high + wide == 0) return image;
  return slice(image, {{.axis = 2, .start = high, .stop = high + size.height},
                       {.axis = 3, .start = wide, .stop = wide + size.width}});
}

}  // namespace mnemo
