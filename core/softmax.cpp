#include "mnemo/core/softmax.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/batch_math.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo {
namespace {

constexpr std::int64_t block_elements = 16384;

// The rest of a row that fills no vector, padded with `filler`.
template <class T>
xsimd::batch<T> load_rest(const T* x, std::int64_t count, T filler) {
  T padded[xsimd::batch<T>::size];
  std::fill(std::begin(padded), std::end(padded), filler);
  std::copy_n(x, count, padded);
  return xsimd::batch<T>::load_unaligned(padded);
}

// Of a row with NaN in it, any element: e^(NaN - largest) makes the row's sum NaN in any case.
template <class T>
T largest(const T* x, std::int64_t count) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  T lanes[Batch::size];
  std::int64_t i = 0;
  if (count >= width) {
    Batch top[4];
    for (Batch& t : top) t = Batch::load_unaligned(x);
    for (; i + 4 * width <= count; i += 4 * width) {
      for (std::int64_t k = 0; k < 4; ++k) {
        top[k] = xsimd::max(Batch::load_unaligned(x + i + k * width), top[k]);
      }
    }
    for (; i + width <= count; i += width)
      top[0] = xsimd::max(Batch::load_unaligned(x + i), top[0]);
    xsimd::max(xsimd::max(top[0], top[1]), xsimd::max(top[2], top[3])).store_unaligned(lanes);
  } else {
    std::fill(std::begin(lanes), std::end(lanes), x[0]);
  }
  T top = *std::max_element(std::begin(lanes), std::end(lanes));
  for (; i < count; ++i) top = std::max(top, x[i]);
  return top;
}

template <class T>
void store_rest(const xsimd::batch<T>& values, std::int64_t count, T* to) {
  T padded[xsimd::batch<T>::size];
  values.store_unaligned(padded);
  std::copy_n(padded, count, to);
}

// The sum of the batches batch(i, count) of a row, where the last may have fewer than all lanes and
// 0 in the others. In chunks, whose sums are added in double.
template <class T, class MakeBatch>
double sum_of_row(std::int64_t length, const MakeBatch& batch) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  constexpr std::int64_t chunk = 2048;
  double total = 0.0;
  for (std::int64_t begin = 0; begin < length; begin += chunk) {
    const std::int64_t end = std::min(length, begin + chunk);
    Batch sums[2] = {Batch(T(0)), Batch(T(0))};
    std::int64_t i = begin;
    for (; i + 2 * width <= end; i += 2 * width) {
      sums[0] += batch(i, width);
      sums[1] += batch(i + width, width);
    }
    for (; i < end; i += width) sums[0] += batch(i, std::min(width, end - i));
    total += static_cast<double>(xsimd::hadd(sums[0] + sums[1]));
  }
  return total;
}

// The sum of e^(x - shift).
template <class T>
double sum_exp(const T* x, std::int64_t length, T shift, T* powers = nullptr) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  const Batch offset(shift);
  return sum_of_row<T>(length, [&](std::int64_t i, std::int64_t count) {
    if (count == width) {
      __builtin_prefetch(x + i + length);  // the next row: its maximum is waited for
      const Batch value = xsimd::exp(Batch::load_unaligned(x + i) - offset);
      if (powers) value.store_unaligned(powers + i);
      return value;
    }
    const Batch value =
        xsimd::exp(load_rest(x + i, count, -std::numeric_limits<T>::infinity()) - offset);
    if (powers) store_rest(value, count, powers + i);
    return value;
  });
}

// Runs `body(x_row, out_row)` for each row of the last axis.
template <class T, class Body>
void for_each_row(const Tensor& x, const Tensor& result, std::int64_t out_length,
                  const Body& body) {
  const std::int64_t length = x.size(-1);
  const std::int64_t rows = length == 0 ? 0 : x.elements() / length;
  const T* const from = x.data<T>();
  T* const to = result.mutable_data<T>();
  const std::int64_t grain =
      std::max<std::int64_t>(1, block_elements / std::max<std::int64_t>(1, length));
  detail::parallel_range(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      body(row, from + row * length, to + row * out_length);
    }
  });
}

// The derivative of an operation on rows: slope(g, y, the sum of term(g, y) over the row), for its
// result y. Written once, for tensors where it is recorded and for batches where it is not.
template <class Term, class Slope>
Tensor pull_rows(const Pullback& back, const Term& term, const Slope& slope) {
  const Tensor& g = back.gradient();
  const Tensor y = back.output();
  if (recording()) return slope(g, y, sum(term(g, y), {.axes = {-1}, .keepdims = true}));
  Tensor result(g.shape(), g.dtype());
  detail::with_float_type("softmax", g.dtype(), [&]<class T>(std::type_identity<T>) {
    using Batch = xsimd::batch<T>;
    constexpr std::int64_t width = Batch::size;
    const std::int64_t length = y.size(-1);
    const T* const gradients = g.data<T>();
    for_each_row<T>(y, result, length, [&](std::int64_t row, const T* values, T* to) {
      const T* const from = gradients + row * length;
      const double total = sum_of_row<T>(length, [&](std::int64_t i, std::int64_t count) {
        return count == width
                   ? term(Batch::load_unaligned(from + i), Batch::load_unaligned(values + i))
                   : term(load_rest(from + i, count, T(0)), load_rest(values + i, count, T(0)));
      });
      const Batch shift(static_cast<T>(total));
      std::int64_t i = 0;
      for (; i + width <= length; i += width) {
        slope(Batch::load_unaligned(from + i), Batch::load_unaligned(values + i), shift)
            .store_unaligned(to + i);
      }
      if (i == length) return;
      store_rest(slope(load_rest(from + i, length - i, T(0)),
                       load_rest(values + i, length - i, T(0)), shift),
                 length - i, to + i);
    });
  });
  return result;
}

Tensor log_softmax_of_rows(const Tensor& x) {
  Tensor result(x.shape(), x.dtype());
  detail::with_float_type("log_softmax", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::int64_t length = x.size(-1);
    for_each_row<T>(x, result, length, [&](std::int64_t, const T* from, T* to) {
      const T top = largest(from, length);
      const auto rest = static_cast<T>(std::log(sum_exp(from, length, top)));
      for (std::int64_t i = 0; i < length; ++i) to[i] = (from[i] - top) - rest;
    });
  });
  const auto rule = [](Pullback& back) {
    back.to(0, [&] {
      return pull_rows(
          back, [](const auto& g, const auto&) { return g; },
          [](const auto& g, const auto& y, const auto& total) { return g - exp(y) * total; });
    });
  };
  return record("log_softmax", std::move(result), {.output = true}, rule, x);
}

Tensor softmax_of_rows(const Tensor& x) {
  Tensor result(x.shape(), x.dtype());
  detail::with_float_type("softmax", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::int64_t length = x.size(-1);
    for_each_row<T>(x, result, length, [&](std::int64_t, const T* from, T* to) {
      const double total = sum_exp(from, length, largest(from, length), to);
      const T inverse = static_cast<T>(1.0 / total);
      for (std::int64_t i = 0; i < length; ++i) to[i] *= inverse;
    });
  });
  const auto rule = [](Pullback& back) {
    back.to(0, [&] {
      return pull_rows(
          back, [](const auto& g, const auto& y) { return g * y; },
          [](const auto& g, const auto& y, const auto& total) { return y * (g - total); });
    });
  };
  return record("softmax", std::move(result), {.output = true}, rule, x);
}

// An operation on the last axis along any axis.
Tensor along(const char* name, const Tensor& x, std::int64_t axis,
             Tensor (*of_rows)(const Tensor&)) {
  if (x.rank(name) == 0) return of_rows(x.reshape({1})).reshape({});
  const std::size_t at = normalize_axis(name, axis, x.rank());
  if (at + 1 == x.rank()) return of_rows(x);
  const auto from = static_cast<std::int64_t>(at);
  return transpose(of_rows(transpose(x, from, -1)), from, -1);
}

}  // namespace

Tensor log_softmax(const Tensor& x, std::int64_t axis) {
  return along("log_softmax", x, axis, log_softmax_of_rows);
}
Tensor softmax(const Tensor& x, std::int64_t axis) {
  return along("softmax", x, axis, softmax_of_rows);
}

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels) {
  constexpr const char* name = "softmax_cross_entropy";
  if (logits.rank() != 2 || labels.rank() != 1 || logits.size(0) != labels.size(0) ||
      labels.dtype() != DType::int64) {
    detail::fail(name, ": takes logits [rows, classes] and int64 labels [rows], got ",
                 logits.shape(), " and ", labels.shape(), " of ", labels.dtype());
  }
  const std::int64_t rows = logits.size(0);
  const std::int64_t classes = logits.size(1);
  const std::int64_t* const label = labels.data<std::int64_t>();
  for (std::int64_t row = 0; row < rows; ++row) {
    if (label[row] < 0 || label[row] >= classes) {
      detail::fail(name, ": label ", label[row], " at position ", row, " is outside [0, ", classes,
                   ")");
    }
  }
  Tensor result({rows}, logits.dtype());
  // Largest logit and log of the sum of each row, so that the gradient needs no second search.
  Tensor normalizer({rows, 2}, logits.dtype());
  detail::with_float_type(name, logits.dtype(), [&]<class T>(std::type_identity<T>) {
    T* const normalizers = normalizer.mutable_data<T>();
    for_each_row<T>(logits, result, 1, [&](std::int64_t row, const T* from, T* to) {
      const T top = largest(from, classes);
      const double rest = std::log(sum_exp(from, classes, top));
      normalizers[2 * row] = top;
      normalizers[2 * row + 1] = static_cast<T>(rest);
      *to = static_cast<T>(rest - static_cast<double>(from[label[row]] - top));
    });
  });
  const auto first_order = [normalizer](Pullback& back) {
    const Tensor x = back.input(0);
    Tensor gradient(x.shape(), x.dtype());
    detail::with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
      const std::int64_t length = x.size(1);
      const T* const g = back.gradient().data<T>();
      const T* const normalizers = normalizer.data<T>();
      const std::int64_t* const chosen = back.input(1).data<std::int64_t>();
      for_each_row<T>(x, gradient, length, [&](std::int64_t row, const T* from, T* to) {
        using Batch = xsimd::batch<T>;
        constexpr std::int64_t width = Batch::size;
        const Batch top(normalizers[2 * row]);
        const Batch rest_of(normalizers[2 * row + 1]);
        const Batch scale(g[row]);
        const auto share = [&](const Batch& v) { return scale * xsimd::exp((v - top) - rest_of); };
        std::int64_t i = 0;
        for (; i + width <= length; i += width) {
          share(Batch::load_unaligned(from + i)).store_unaligned(to + i);
        }
        if (i < length) {
          store_rest(share(load_rest(from + i, length - i, T(0))), length - i, to + i);
        }
        to[chosen[row]] -= g[row];
      });
    });
    back.give(0, gradient);
  };
  const auto defined_as = [](const Tensor& x, const Tensor& chosen) {
    const Tensor chances = one_hot(chosen, x.size(1), x.dtype());
    return -sum(log_softmax(x) * chances, {.axes = {-1}});
  };
  return record_fused(name, std::move(result), {.inputs = true}, first_order, defined_as, logits,
                      labels);
}

}  // namespace mnemo
