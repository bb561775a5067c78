#include "mnemo/core/shape_ops.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "mnemo/core/creation.hpp"
#include "mnemo/core/detail/axes.hpp"
#include "mnemo/core/detail/axis_map.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/spans.hpp"
#include "mnemo/core/detail/strided.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace detail {

std::vector<bool> marked_axes(const char* name, const std::vector<std::int64_t>& axes,
                              std::size_t rank, bool none_means_all) {
  std::vector<bool> marked(rank, none_means_all && axes.empty());
  for (const std::int64_t given : axes) {
    const std::size_t axis = normalize_axis(name, given, rank);
    if (marked[axis]) fail(name, ": axis ", given, " is given twice");
    marked[axis] = true;
  }
  return marked;
}

AroundAxis around_axis(const Shape& shape, std::size_t axis) {
  AroundAxis around{.length = shape[axis]};
  for (std::size_t i = 0; i < axis; ++i) around.outer *= shape[i];
  for (std::size_t i = axis + 1; i < shape.rank(); ++i) around.inner *= shape[i];
  return around;
}

}  // namespace detail

namespace {

using detail::fail;
using detail::StridedAxis;
using detail::with_length;
using Axes = std::vector<std::int64_t>;

Shape strides_of(const Shape& shape) {
  Shape strides(shape.rank(), 1);
  for (std::size_t axis = shape.rank(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * shape[axis];
  }
  return strides;
}

// Where the elements of a smaller tensor stand in a larger one: along each axis from `start`,
// `step` apart.
struct Window {
  Shape whole;
  Shape part;
  Shape start;
  Shape step;

  explicit Window(const Shape& shape)
      : whole(shape), part(shape), start(shape.rank(), 0), step(shape.rank(), 1) {}
};

void copy_window(const Window& window, const Tensor& whole, const Tensor& part, bool extracts) {
  const Shape outside = strides_of(window.whole);
  const Shape inside = strides_of(window.part);
  std::vector<StridedAxis> axes;
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < window.part.rank(); ++axis) {
    const std::int64_t stride = outside[axis] * window.step[axis];
    offset += outside[axis] * window.start[axis];
    axes.push_back(
        {window.part[axis], extracts ? stride : inside[axis], extracts ? inside[axis] : stride});
  }
  if (part.elements() == 0) return;
  const std::size_t size = item_size(part.dtype());
  const auto skip = offset * static_cast<std::int64_t>(size);
  if (extracts) {
    detail::copy_strided(size, axes, static_cast<const std::byte*>(whole.raw()) + skip,
                         part.mutable_raw());
  } else {
    detail::copy_strided(size, axes, part.raw(),
                         static_cast<std::byte*>(whole.mutable_raw()) + skip);
  }
}

Tensor embed(const char* name, const Tensor& part, const Window& window, double value);

// The elements in the window. Its adjoint is embed, with zeros around them.
Tensor extract(const char* name, const Tensor& x, const Window& window) {
  Tensor result(window.part, x.dtype());
  copy_window(window, x, result, true);
  const auto rule = [name, window](Pullback& back) {
    back.to(0, [&] { return embed(name, back.gradient(), window, 0.0); });
  };
  return record(name, std::move(result), {}, rule, x);
}

Tensor embed(const char* name, const Tensor& part, const Window& window, double value) {
  Tensor result = full(window.whole, value, part.dtype());
  copy_window(window, result, part, false);
  const auto rule = [name, window](Pullback& back) {
    back.to(0, [&] { return extract(name, back.gradient(), window); });
  };
  return record(name, std::move(result), {}, rule, part);
}

// Python's rules for a slice of an axis of `length`.
void apply_slice(const Slice& slice, Window& window) {
  const std::size_t axis = normalize_axis("slice", slice.axis, window.whole.rank());
  const std::int64_t length = window.whole[axis];
  const std::int64_t step = slice.step;
  if (step == 0) fail("slice: the step along axis ", slice.axis, " is 0");
  const bool forward = step > 0;
  const auto position = [&](std::int64_t given) {
    if (given < 0) given = given < -length ? -1 : given + length;
    return forward ? std::clamp<std::int64_t>(given, 0, length)
                   : std::clamp<std::int64_t>(given, -1, length - 1);
  };
  const std::int64_t start = position(slice.start);
  const std::int64_t stop = !forward && slice.stop == to_end ? -1 : position(slice.stop);
  const std::int64_t span = forward ? stop - start : start - stop;
  // Not -step: the smallest integer has no negative.
  const std::uint64_t stride =
      forward ? static_cast<std::uint64_t>(step) : ~static_cast<std::uint64_t>(step) + 1;
  window.part[axis] =
      span <= 0 ? 0
                : static_cast<std::int64_t>((static_cast<std::uint64_t>(span) - 1) / stride) + 1;
  window.start[axis] = start;
  window.step[axis] = window.part[axis] > 1 ? step : 1;
}

std::vector<Tensor> pieces_of(const char* name, const Tensor& x, const Axes& sizes,
                              std::int64_t axis_given) {
  const std::size_t axis = normalize_axis(name, axis_given, x.rank());
  std::vector<Tensor> pieces;
  Window window(x.shape());
  for (const std::int64_t size : sizes) {
    window.part[axis] = size;
    pieces.push_back(extract(name, x, window));
    window.start[axis] += size;
  }
  return pieces;
}

}  // namespace

Tensor permute(const Tensor& x, const Axes& order) {
  if (order.size() != x.rank()) {
    fail("permute: ", order.size(), " axes given for shape ", x.shape());
  }
  detail::marked_axes("permute", order, x.rank());
  const Shape strides = strides_of(x.shape());
  Shape shape = x.shape();
  Axes inverse(x.rank());
  std::vector<StridedAxis> axes;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    const std::size_t source = normalize_axis("permute", order[i], x.rank());
    shape[i] = x.shape()[source];
    inverse[source] = static_cast<std::int64_t>(i);
    axes.push_back({shape[i], strides[source], 0});
  }
  const Shape own = strides_of(shape);
  for (std::size_t i = 0; i < x.rank(); ++i) axes[i].to = own[i];
  Tensor result(shape, x.dtype());
  detail::copy_strided(item_size(x.dtype()), axes, x.raw(), result.mutable_raw());
  const auto rule = [inverse = std::move(inverse)](Pullback& back) {
    back.to(0, [&] { return permute(back.gradient(), inverse); });
  };
  return record("permute", std::move(result), {}, rule, x);
}

Tensor transpose(const Tensor& x, std::int64_t first, std::int64_t second) {
  Axes order(x.rank());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[normalize_axis("transpose", first, x.rank())],
            order[normalize_axis("transpose", second, x.rank())]);
  return permute(x, order);
}

Tensor flatten(const Tensor& x, std::int64_t first, std::int64_t last) {
  if (x.rank() == 0) return x.reshape({1});
  const std::size_t from = normalize_axis("flatten", first, x.rank());
  const std::size_t to = normalize_axis("flatten", last, x.rank());
  if (from > to) fail("flatten: axis ", first, " comes after axis ", last, " in ", x.shape());
  Shape shape = x.shape();
  for (std::size_t axis = from; axis < to; ++axis) {
    shape[from] *= shape[from + 1];
    shape.erase(from + 1);
  }
  return x.reshape(shape);
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
  const std::vector<bool> marked = detail::marked_axes("squeeze", axes, x.rank());
  Shape shape;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (marked[axis] && x.shape()[axis] != 1) {
      fail("squeeze: axis ", axis, " of ", x.shape(), " has not length 1");
    }
    if (!(axes.empty() ? x.shape()[axis] == 1 : marked[axis])) shape.push_back(x.shape()[axis]);
  }
  return x.reshape(shape);
}

Tensor unsqueeze(const Tensor& x, std::int64_t axis) {
  Shape shape = x.shape();
  shape.insert(normalize_axis("unsqueeze", axis, x.rank() + 1), 1);
  return x.reshape(shape);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.rank() > shape.rank() || !(broadcast_shapes("broadcast_to", x.shape(), shape) == shape)) {
    fail("broadcast_to: ", x.shape(), " does not broadcast to ", shape);
  }
  Tensor result(shape, x.dtype());
  const auto walk = detail::plan_walk<1>("broadcast_to", shape, {&x.shape()});
  detail::with_any_type(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const from = x.data<T>();
    T* const to = result.mutable_data<T>();
    detail::for_each_run(
        walk, [&](std::int64_t at, std::array<std::int64_t, 1> offset, std::int64_t length) {
          if (walk.advances[0]) {
            std::copy_n(from + offset[0], length, to + at);
          } else {
            std::fill_n(to + at, length, from[offset[0]]);
          }
        });
  });
  const auto rule = [before = x.shape()](Pullback& back) {
    back.to(0, [&] { return sum_to(back.gradient(), before); });
  };
  return record("broadcast_to", std::move(result), {}, rule, x);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  Shape wanted = shape;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != -1) continue;
    if (axis + x.rank() < shape.rank()) {
      fail("expand: -1 for axis ", axis, " of ", shape, ", which ", x.shape(), " does not have");
    }
    wanted[axis] = x.shape()[axis + x.rank() - shape.rank()];
  }
  return detail::within("expand", [&] { return broadcast_to(x, wanted); });
}

Tensor slice(const Tensor& x, const std::vector<Slice>& slices) {
  Window window(x.shape());
  Axes axes;
  for (const Slice& each : slices) axes.push_back(each.axis);
  detail::marked_axes("slice", axes, x.rank());
  for (const Slice& each : slices) apply_slice(each, window);
  return extract("slice", x, window);
}

Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t stop,
             std::int64_t step) {
  return slice(x, std::vector<Slice>{{axis, start, stop, step}});
}

Tensor concat(const std::vector<Tensor>& tensors, std::int64_t axis_given) {
  if (tensors.empty()) fail("concat: no tensors given");
  const Tensor& first = tensors[0];
  const std::size_t axis = normalize_axis("concat", axis_given, first.rank());
  Window window(with_length(first.shape(), axis, 0));
  for (const Tensor& each : tensors) {
    if (each.dtype() != first.dtype()) {
      fail("concat: the tensors are ", first.dtype(), " and ", each.dtype(),
           "; convert with cast()");
    }
    if (each.rank() != first.rank() ||
        !(with_length(each.shape(), axis, 0) == with_length(first.shape(), axis, 0))) {
      fail("concat: ", each.shape(), " does not fit to ", first.shape(), " along axis ",
           axis_given);
    }
    window.whole[axis] += each.shape()[axis];
  }
  Tensor result(window.whole, first.dtype());
  Axes sizes;
  for (const Tensor& each : tensors) {
    sizes.push_back(each.shape()[axis]);
    window.part = each.shape();
    copy_window(window, result, each, false);
    window.start[axis] += sizes.back();
  }
  const auto rule = [axis, sizes](Pullback& back) {
    std::int64_t start = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::int64_t stop = start + sizes[i];
      back.to(i,
              [&] { return slice(back.gradient(), static_cast<std::int64_t>(axis), start, stop); });
      start = stop;
    }
  };
  return record_list("concat", std::move(result), {}, rule, tensors);
}

Tensor stack(const std::vector<Tensor>& tensors, std::int64_t axis) {
  if (tensors.empty()) fail("stack: no tensors given");
  normalize_axis("stack", axis, tensors[0].rank() + 1);
  std::vector<Tensor> layers;
  for (const Tensor& each : tensors) {
    if (!(each.shape() == tensors[0].shape())) {
      fail("stack: shapes ", tensors[0].shape(), " and ", each.shape(), " differ");
    }
    layers.push_back(unsqueeze(each, axis));
  }
  return detail::within("stack", [&] { return concat(layers, axis); });
}

std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t axis) {
  if (size < 1) fail("split: pieces of size ", size, "; at least 1 is needed");
  const std::int64_t length = x.shape()[normalize_axis("split", axis, x.rank())];
  const std::int64_t count = length / size + (length % size != 0);
  Axes sizes(static_cast<std::size_t>(std::max<std::int64_t>(1, count)), size);
  sizes.back() = length - size * static_cast<std::int64_t>(sizes.size() - 1);
  return pieces_of("split", x, sizes, axis);
}

std::vector<Tensor> split(const Tensor& x, const Axes& sizes, std::int64_t axis) {
  const std::int64_t length = x.shape()[normalize_axis("split", axis, x.rank())];
  std::int64_t left = length;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > left) left = -1;
    if (left < 0) break;
    left -= size;
  }
  if (left != 0) {
    fail("split: the sizes ", Shape(sizes), " do not add up to ", length, ", the length of axis ",
         axis, " of ", x.shape());
  }
  return pieces_of("split", x, sizes, axis);
}

std::vector<Tensor> chunk(const Tensor& x, std::int64_t count, std::int64_t axis) {
  if (count < 1) fail("chunk: ", count, " pieces; at least 1 is needed");
  const std::int64_t length = x.shape()[normalize_axis("chunk", axis, x.rank())];
  return split(x, std::max<std::int64_t>(1, length / count + (length % count != 0)), axis);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  const std::vector<bool> marked = detail::marked_axes("flip", axes, x.rank(), true);
  Window window(x.shape());
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (!marked[axis]) continue;
    window.start[axis] = x.shape()[axis] - 1;
    window.step[axis] = -1;
  }
  return extract("flip", x, window);
}

Tensor roll(const Tensor& x, const Axes& shifts, const Axes& axes) {
  if (shifts.size() != axes.size()) {
    fail("roll: ", shifts.size(), " shifts for ", axes.size(), " axes");
  }
  Tensor result = x;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t length = x.shape()[normalize_axis("roll", axes[i], x.rank())];
    const std::int64_t shift = length == 0 ? 0 : (shifts[i] % length + length) % length;
    if (shift == 0) continue;
    result =
        concat({slice(result, axes[i], length - shift), slice(result, axes[i], 0, length - shift)},
               axes[i]);
  }
  return result.shares_storage_with(x) ? slice(x, {}) : result;
}

Tensor tile(const Tensor& x, const Axes& counts) {
  const std::size_t rank = std::max(x.rank(), counts.size());
  Shape apart;   // each axis behind one of length 1
  Shape filled;  // that one filled by its count
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t count =
        axis + counts.size() < rank ? 1 : counts[axis + counts.size() - rank];
    const std::int64_t length = axis + x.rank() < rank ? 1 : x.shape()[axis + x.rank() - rank];
    if (count < 0) fail("tile: the count ", count, " is negative");
    for (const std::int64_t each : {std::int64_t{1}, length}) apart.push_back(each);
    for (const std::int64_t each : {count, length}) filled.push_back(each);
  }
  const Tensor copies =
      detail::within("tile", [&] { return broadcast_to(x.reshape(apart), filled); });
  Shape joined;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    joined.push_back(filled[2 * axis] * filled[2 * axis + 1]);
  }
  return copies.reshape(joined);
}

Tensor repeat(const Tensor& x, std::int64_t count, std::int64_t axis_given) {
  if (count < 0) fail("repeat: the count ", count, " is negative");
  const std::size_t axis = normalize_axis("repeat", axis_given, x.rank());
  Shape filled = x.shape();
  filled.insert(axis + 1, count);
  const Tensor copies = detail::within("repeat", [&] {
    return broadcast_to(unsqueeze(x, static_cast<std::int64_t>(axis) + 1), filled);
  });
  return copies.reshape(with_length(x.shape(), axis, x.shape()[axis] * count));
}

namespace {

Tensor pad_constant(const Tensor& x,
                    const std::vector<std::pair<std::int64_t, std::int64_t>>& widths,
                    double value) {
  Window taken(x.shape());
  Window placed(x.shape());
  bool takes = false;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    const auto [before, after] = widths[axis];
    taken.start[axis] = std::max<std::int64_t>(0, -before);
    taken.part[axis] -= taken.start[axis] + std::max<std::int64_t>(0, -after);
    takes |= before < 0 || after < 0;
    if (taken.part[axis] < 0) {
      fail("pad: widths ", before, " and ", after, " take more than there is along axis ", axis,
           " of ", x.shape());
    }
    placed.start[axis] = std::max<std::int64_t>(0, before);
    placed.whole[axis] = taken.part[axis] + placed.start[axis] + std::max<std::int64_t>(0, after);
  }
  placed.part = taken.part;
  return embed("pad", takes ? extract("pad", x, taken) : x, placed, value);
}

// Where the elements of a padded axis come from.
Tensor source_positions(PadMode mode, std::int64_t length, std::int64_t before,
                        std::int64_t after) {
  Tensor positions({before + length + after}, DType::int64);
  const auto out = positions.mutable_span<std::int64_t>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::int64_t at = static_cast<std::int64_t>(i) - before;
    if (mode == PadMode::replicate) {
      at = std::clamp<std::int64_t>(at, 0, length - 1);
    } else {
      if (at < 0) at = -at;
      if (at >= length) at = 2 * (length - 1) - at;
    }
    out[i] = at;
  }
  return positions;
}

}  // namespace

Tensor pad(const Tensor& x, const std::vector<std::pair<std::int64_t, std::int64_t>>& widths,
           PadMode mode, double value) {
  if (widths.size() != x.rank()) {
    fail("pad: ", widths.size(), " pairs of widths for shape ", x.shape(),
         "; one an axis is needed");
  }
  constexpr std::int64_t widest = std::int64_t{1} << 48;  // sums of widths do not overflow
  for (const auto& [before, after] : widths) {
    if (std::max(before, after) > widest || std::min(before, after) < -widest) {
      fail("pad: widths ", before, " and ", after, " are beyond any memory (", x.shape(), ")");
    }
  }
  if (mode == PadMode::constant) return pad_constant(x, widths, value);
  Tensor result = x;
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    const auto [before, after] = widths[axis];
    const std::int64_t length = x.shape()[axis];
    const std::int64_t most = mode == PadMode::reflect ? length - 1 : length > 0 ? to_end : 0;
    if (before < 0 || after < 0 || ((before > 0 || after > 0) && std::max(before, after) > most)) {
      fail("pad: widths ", before, " and ", after, " do not fit axis ", axis, " of ", x.shape(),
           mode == PadMode::reflect ? "; a reflection needs fewer than the axis is long"
                                    : "; there must be an element to replicate");
    }
    if (before == 0 && after == 0) continue;
    result = index_select(result, static_cast<std::int64_t>(axis),
                          source_positions(mode, length, before, after));
  }
  return result.shares_storage_with(x) ? slice(x, {}) : result;
}

namespace {

void expect_image_and_factor(const char* name, const Tensor& x, std::int64_t factor) {
  detail::expect_image(name, x);
  if (factor < 1) fail(name, ": the factor ", factor, " must be at least 1");
}

}  // namespace

Tensor pixel_shuffle(const Tensor& x, std::int64_t factor) {
  expect_image_and_factor("pixel_shuffle", x, factor);
  const auto [n, c, h, w] = std::array{x.size(0), x.size(1), x.size(2), x.size(3)};
  if (c % factor != 0 || c / factor % factor != 0) {
    fail("pixel_shuffle: the channels of ", x.shape(), " do not divide by ", factor, " squared");
  }
  const std::int64_t channels = c / factor / factor;
  return permute(x.reshape({n, channels, factor, factor, h, w}), {0, 1, 4, 2, 5, 3})
      .reshape({n, channels, h * factor, w * factor});
}

Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor) {
  expect_image_and_factor("pixel_unshuffle", x, factor);
  const auto [n, c, h, w] = std::array{x.size(0), x.size(1), x.size(2), x.size(3)};
  if (h % factor != 0 || w % factor != 0) {
    fail("pixel_unshuffle: height and width of ", x.shape(), " do not divide by ", factor);
  }
  return permute(x.reshape({n, c, h / factor, factor, w / factor, factor}), {0, 1, 3, 5, 2, 4})
      .reshape({n, c * factor * factor, h / factor, w / factor});
}

}  // namespace mnemo
