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

// NaN where there is one.
template <class T>
T largest(const T* x, std::int64_t count) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  T lanes[Batch::size];
  std::int64_t i = 0;
  if (count >= width) {
    Batch top = Batch::load_unaligned(x);
    for (i = width; i + width <= count; i += width) {
      top = detail::maximum(top, Batch::load_unaligned(x + i));
    }
    top.store_unaligned(lanes);
  } else {
    std::fill(std::begin(lanes), std::end(lanes), x[0]);
  }
  const auto larger = [](T a, T b) { return a > b || a != a ? a : b; };
  T top = lanes[0];
  for (const T lane : lanes) top = larger(top, lane);
  for (; i < count; ++i) top = larger(top, x[i]);
  return top;
}

// log of the sum of e^(x - shift), by chunks whose sums are added in double.
template <class T>
double log_sum_exp(const T* x, std::int64_t count, T shift) {
  using Batch = xsimd::batch<T>;
  constexpr std::int64_t width = Batch::size;
  constexpr std::int64_t chunk = 2048;
  const Batch offset(shift);
  double total = 0.0;
  for (std::int64_t begin = 0; begin < count; begin += chunk) {
    const std::int64_t end = std::min(count, begin + chunk);
    Batch sums(T(0));
    std::int64_t i = begin;
    for (; i + width <= end; i += width) sums += xsimd::exp(Batch::load_unaligned(x + i) - offset);
    if (i < end) {
      sums += xsimd::exp(load_rest(x + i, end - i, -std::numeric_limits<T>::infinity()) - offset);
    }
    total += static_cast<double>(xsimd::hadd(sums));
  }
  return std::log(total);
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

Tensor log_softmax_of_rows(const Tensor& x) {
  Tensor result(x.shape(), x.dtype());
  detail::with_float_type("log_softmax", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::int64_t length = x.size(-1);
    for_each_row<T>(x, result, length, [&](std::int64_t, const T* from, T* to) {
      const T top = largest(from, length);
      const auto rest = static_cast<T>(log_sum_exp(from, length, top));
      for (std::int64_t i = 0; i < length; ++i) to[i] = (from[i] - top) - rest;
    });
  });
  const auto rule = [](Pullback& back) {
    back.to(0, [&] {
      const Tensor& g = back.gradient();
      return g - exp(back.output()) * sum(g, {.axes = {-1}, .keepdims = true});
    });
  };
  return record("log_softmax", std::move(result), {.output = true}, rule, x);
}

Tensor softmax_of_rows(const Tensor& x) {
  Tensor result(x.shape(), x.dtype());
  detail::with_float_type("softmax", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::int64_t length = x.size(-1);
    for_each_row<T>(x, result, length, [&](std::int64_t, const T* from, T* to) {
      using Batch = xsimd::batch<T>;
      constexpr std::int64_t width = Batch::size;
      const T top = largest(from, length);
      const Batch offset(top);
      double total = 0.0;
      for (std::int64_t begin = 0; begin < length; begin += 2048) {
        const std::int64_t end = std::min<std::int64_t>(length, begin + 2048);
        Batch sums(T(0));
        std::int64_t i = begin;
        for (; i + width <= end; i += width) {
          const Batch value = xsimd::exp(Batch::load_unaligned(from + i) - offset);
          value.store_unaligned(to + i);
          sums += value;
        }
        if (i < end) {
          T rest[Batch::size];
          const Batch value = xsimd::exp(
              load_rest(from + i, end - i, -std::numeric_limits<T>::infinity()) - offset);
          value.store_unaligned(rest);
          std::copy_n(rest, end - i, to + i);
          sums += value;
        }
        total += static_cast<double>(xsimd::hadd(sums));
      }
      const T inverse = static_cast<T>(1.0 / total);
      for (std::int64_t i = 0; i < length; ++i) to[i] *= inverse;
    });
  });
  const auto rule = [](Pullback& back) {
    back.to(0, [&] {
      const Tensor y = back.output();
      const Tensor gy = back.gradient() * y;
      return gy - y * sum(gy, {.axes = {-1}, .keepdims = true});
    });
  };
  return record("softmax", std::move(result), {.output = true}, rule, x);
}

// An operation on the last axis along any axis.
Tensor along(const char* name, const Tensor& x, std::int64_t axis,
             Tensor (*of_rows)(const Tensor&)) {
  if (x.rank() == 0) return of_rows(x.reshape({1})).reshape({});
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
      const double rest = log_sum_exp(from, classes, top);
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
          T rest[Batch::size];
          share(load_rest(from + i, length - i, T(0))).store_unaligned(rest);
          std::copy_n(rest, length - i, to + i);
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
