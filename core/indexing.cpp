#include "mnemo/core/indexing.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "mnemo/core/detail/axes.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/indexing.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo {
namespace {

using detail::AroundAxis;
using detail::fail;

constexpr std::int64_t block_elements = 16384;

// The index as int64 in [0, length).
Tensor positions(const char* name, const Tensor& index, std::int64_t length) {
  if (!is_integer(index.dtype())) {
    fail(name, ": the index is ", index.dtype(), ", not an integer dtype");
  }
  const Tensor result = index.dtype() == DType::int64 ? index.clone() : cast(index, DType::int64);
  for (std::int64_t& at : result.mutable_span<std::int64_t>()) {
    if (at < -length || at >= length) {
      fail(name, ": position ", at, " is out of range for an axis of length ", length);
    }
    if (at < 0) at += length;
  }
  return result;
}

// Slices of `inner` elements: body(first, last) is called for pieces of the outer positions, so
// that each covers enough elements.
template <class Body>
void for_each_outer(const AroundAxis& around, std::int64_t count, const Body& body) {
  const std::int64_t elements = std::max<std::int64_t>(1, count * around.inner);
  detail::parallel_range(around.outer, std::max<std::int64_t>(1, block_elements / elements), body);
}

template <class T>
void select(const T* x, const AroundAxis& around, std::span<const std::int64_t> index, T* result) {
  const std::int64_t outer = around.outer;
  const std::int64_t length = around.length;
  const std::int64_t inner = around.inner;
  const auto count = static_cast<std::int64_t>(index.size());
  const std::int64_t grain =
      std::max<std::int64_t>(1, block_elements / std::max<std::int64_t>(1, inner));
  detail::parallel_range(outer * count, grain, [&](std::int64_t begin, std::int64_t end) {
    const T* slices = x + begin / count * length * inner;
    std::int64_t i = begin % count;
    for (std::int64_t row = begin; row < end; ++row) {
      const T* const from = slices + index[static_cast<std::size_t>(i)] * inner;
      if (inner == 1) {
        result[row] = *from;
      } else {
        std::copy_n(from, inner, result + row * inner);
      }
      if (++i == count) {
        i = 0;
        slices += length * inner;
      }
    }
  });
}

Tensor added(const char* name, Tensor x, std::size_t axis, const Tensor& index,
             const Tensor& source);

// `x` itself where nobody else holds it, so that it can be written unseen, otherwise a copy.
Tensor writable(Tensor& x) {
  return x.exclusive() && !x.requires_grad() ? std::move(x) : x.clone();
}

// index_select with checked positions.
Tensor selected(const char* name, const Tensor& x, std::size_t axis, const Tensor& index) {
  Tensor result(detail::with_length(x.shape(), axis, index.elements()), x.dtype());
  detail::with_any_type(x.dtype(), [&]<class T>(std::type_identity<T>) {
    if (result.elements() == 0) return;
    select(x.data<T>(), detail::around_axis(x.shape(), axis), index.span<std::int64_t>(),
           result.mutable_data<T>());
  });
  const auto rule = [name, axis, index, whole = x.shape()](Pullback& back) {
    back.to(0, [&] {
      return added(name, zeros(whole, back.gradient().dtype()), axis, index, back.gradient());
    });
  };
  return record(name, std::move(result), {}, rule, x);
}

// index_add with checked positions.
Tensor added(const char* name, Tensor x, std::size_t axis, const Tensor& index,
             const Tensor& source) {
  Tensor result = writable(x);
  detail::with_float_type(name, result.dtype(), [&]<class T>(std::type_identity<T>) {
    const AroundAxis around = detail::around_axis(result.shape(), axis);
    const std::span<const std::int64_t> at = index.span<std::int64_t>();
    const T* const from = source.data<T>();
    T* const to = result.mutable_data<T>();
    // Wide slices are cut instead of the few outer positions: rows of an embedding, say.
    const std::int64_t width = around.outer > 1 ? std::max<std::int64_t>(1, around.inner) : 64;
    const std::int64_t pieces = (around.inner + width - 1) / width;
    AroundAxis blocks = around;
    blocks.outer *= pieces;
    blocks.inner = std::min(width, around.inner);
    for_each_outer(blocks, index.elements(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t o = block / pieces;
        const std::int64_t first = block % pieces * width;
        const std::int64_t count = std::min(width, around.inner - first);
        const T* source_row = from + o * index.elements() * around.inner + first;
        for (std::size_t i = 0; i < at.size(); ++i, source_row += around.inner) {
          T* const target = to + (o * around.length + at[i]) * around.inner + first;
          for (std::int64_t j = 0; j < count; ++j) target[j] += source_row[j];
        }
      }
    });
  });
  const auto rule = [name, axis, index](Pullback& back) {
    back.to(0, [&] { return back.gradient(); });
    back.to(1, [&] { return selected(name, back.gradient(), axis, index); });
  };
  return record(name, std::move(result), {}, rule, x, source);
}

// Runs `body(k, at)` for each element k of `index` and the element `at` of x that it means, in
// order within one outer position. Along all axes but `axis`, the index is at most as long as x.
template <class Body>
void for_each_index(const Shape& x, std::size_t axis, const Tensor& index, const Body& body) {
  const Shape& shape = index.shape();
  const std::int64_t* const at = index.data<std::int64_t>();
  const std::size_t rank = shape.rank();
  const std::int64_t outer = axis == 0 ? 1 : shape[0];
  const std::int64_t per_outer = outer == 0 ? 0 : index.elements() / outer;
  if (per_outer == 0) return;
  Shape strides(rank, 1);
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * x[i];
  const std::int64_t grain = std::max<std::int64_t>(1, block_elements / per_outer);
  detail::parallel_range(outer, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t row = shape[rank - 1];
    for (std::int64_t k = begin * per_outer; k < end * per_outer; k += row) {
      std::int64_t base = 0;
      std::int64_t rest = k / row;
      for (std::size_t i = rank - 1; i-- > 0;) {
        if (i != axis) base += rest % shape[i] * strides[i];
        rest /= shape[i];
      }
      const std::int64_t step = axis == rank - 1 ? 0 : 1;
      for (std::int64_t j = 0; j < row; ++j)
        body(k + j, base + j * step + at[k + j] * strides[axis]);
    }
  });
}

}  // namespace

namespace detail {

Tensor gathered(const char* name, const Tensor& x, std::size_t axis, const Tensor& index) {
  Tensor result(index.shape(), x.dtype());
  detail::with_any_type(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const from = x.data<T>();
    T* const to = result.mutable_data<T>();
    for_each_index(x.shape(), axis, index,
                   [=](std::int64_t k, std::int64_t at) { to[k] = from[at]; });
  });
  const auto rule = [name, axis, index, whole = x.shape()](Pullback& back) {
    back.to(0, [&] {
      return scattered(name, zeros(whole, back.gradient().dtype()), axis, index, back.gradient());
    });
  };
  return record(name, std::move(result), {}, rule, x);
}

Tensor scattered(const char* name, Tensor x, std::size_t axis, const Tensor& index,
                 const Tensor& source) {
  Tensor result = writable(x);
  detail::with_float_type(name, result.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const from = source.data<T>();
    T* const to = result.mutable_data<T>();
    for_each_index(result.shape(), axis, index,
                   [=](std::int64_t k, std::int64_t at) { to[at] += from[k]; });
  });
  const auto rule = [name, axis, index](Pullback& back) {
    back.to(0, [&] { return back.gradient(); });
    back.to(1, [&] { return detail::gathered(name, back.gradient(), axis, index); });
  };
  return record(name, std::move(result), {}, rule, x, source);
}

}  // namespace detail

namespace {

void expect_index_fits(const char* name, const Tensor& x, std::size_t axis, const Tensor& index) {
  bool fits = index.rank(name) == x.rank(name);
  for (std::size_t i = 0; i < x.rank() && fits; ++i) {
    fits = i == axis || index.shape()[i] <= x.shape()[i];
  }
  if (!fits) {
    fail(name, ": index ", index.shape(), " does not fit ", x.shape(),
         ": it needs the same rank and, "
         "along all axes but ",
         axis, ", at most the same lengths");
  }
}

}  // namespace

Tensor index_select(const Tensor& x, std::int64_t axis, const Tensor& index) {
  if (index.rank() > 1) fail("index_select: the index ", index.shape(), " has more than one axis");
  const std::size_t along = normalize_axis("index_select", axis, x.rank());
  return selected("index_select", x, along, positions("index_select", index, x.shape()[along]));
}

Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis) {
  const std::size_t along = normalize_axis("take", axis, x.rank());
  Shape shape = x.shape();
  shape.erase(along);
  for (std::size_t i = 0; i < index.rank(); ++i) shape.insert(along + i, index.shape()[i]);
  return selected("take", x, along, positions("take", index, x.shape()[along])).reshape(shape);
}

Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source) {
  detail::expect_one_dtype("index_add", std::array{&x, &source});
  const std::size_t along = normalize_axis("index_add", axis, x.rank());
  if (index.rank() > 1 ||
      !(source.shape() == detail::with_length(x.shape(), along, index.elements()))) {
    fail("index_add: source ", source.shape(), " and index ", index.shape(), " do not fit ",
         x.shape(), " along axis ", axis);
  }
  return added("index_add", x, along, positions("index_add", index, x.shape()[along]), source);
}

Tensor gather(const Tensor& x, std::int64_t axis, const Tensor& index) {
  const std::size_t along = normalize_axis("gather", axis, x.rank());
  expect_index_fits("gather", x, along, index);
  return detail::gathered("gather", x, along, positions("gather", index, x.shape()[along]));
}

Tensor take_along_axis(const Tensor& x, const Tensor& index, std::int64_t axis) {
  constexpr const char* name = "take_along_axis";
  const std::size_t along = normalize_axis(name, axis, x.rank());
  if (index.rank() != x.rank())
    fail(name, ": index ", index.shape(), " and ", x.shape(), " differ in rank");
  const Tensor at = positions(name, index, x.shape()[along]);
  const Shape common = broadcast_shapes(name, detail::with_length(x.shape(), along, 1),
                                        detail::with_length(index.shape(), along, 1));
  return detail::gathered(
      name, broadcast_to(x, detail::with_length(common, along, x.shape()[along])), along,
      broadcast_to(at, detail::with_length(common, along, index.shape()[along])));
}

Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source) {
  constexpr const char* name = "scatter_add";
  detail::expect_one_dtype(name, std::array{&x, &source});
  const std::size_t along = normalize_axis(name, axis, x.rank());
  expect_index_fits(name, x, along, index);
  if (!(source.shape() == index.shape())) {
    fail(name, ": source ", source.shape(), " and index ", index.shape(), " should have one shape");
  }
  return detail::scattered(name, x, along, positions(name, index, x.shape()[along]), source);
}

Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype) {
  if (!is_integer(labels.dtype())) {
    fail("one_hot: labels are ", labels.dtype(), ", not an integer dtype");
  }
  if (classes < 1) fail("one_hot: ", classes, " classes; at least 1 is needed");
  Shape shape = labels.shape();
  shape.push_back(classes);
  const Tensor result = detail::within("one_hot", [&] { return zeros(shape, dtype); });
  const Tensor wide = cast(labels, DType::int64);
  const std::int64_t* const label = wide.data<std::int64_t>();
  return detail::with_number("one_hot", dtype, [&]<class T>(std::type_identity<T>) {
    T* const out = result.mutable_data<T>();
    for (std::int64_t i = 0; i < labels.elements(); ++i) {
      if (label[i] < 0 || label[i] >= classes) {
        fail("one_hot: label ", label[i], " at position ", i, " is outside [0, ", classes, ")");
      }
      out[i * classes + label[i]] = T(1);
    }
    return result;
  });
}

}  // namespace mnemo
