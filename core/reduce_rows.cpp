#include <algorithm>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/axes.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/reduction.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/shape_ops.hpp"

// The reductions that work on rows: what is reduced is moved to the end first, where it is not
// there already.
namespace mnemo {
namespace {

using detail::fail;
using detail::ReductionPlan;

constexpr std::int64_t block_elements = 65536;

// A run of elements folded into one, in lanes that the compiler can make vectors of.
template <class T, class Sum, class F>
Sum fold_run(const T* x, std::int64_t count, Sum start, const F& f) {
  constexpr std::int64_t width = 16;
  Sum lanes[width];
  std::fill(std::begin(lanes), std::end(lanes), start);
  std::int64_t i = 0;
  for (; i + width <= count; i += width) {
    for (std::int64_t k = 0; k < width; ++k) lanes[k] = f(lanes[k], static_cast<Sum>(x[i + k]));
  }
  for (; i < count; ++i) lanes[0] = f(lanes[0], static_cast<Sum>(x[i]));
  for (std::int64_t k = 1; k < width; ++k) lanes[0] = f(lanes[0], lanes[k]);
  return lanes[0];
}

// Each row of x folded into one element, by a function that neither order nor grouping changes and
// that does not change `start(row)` joined with a row's elements.
template <class T, class Sum, class Start, class F>
Tensor fold_rows(const Tensor& rows, const Shape& shape, const Start& start, const F& f) {
  Tensor result(shape, dtype_of<Sum>);
  const std::int64_t count = rows.size(1);
  const T* const x = rows.data<T>();
  Sum* const out = result.mutable_data<Sum>();
  const std::int64_t pieces = std::max<std::int64_t>(1, count / block_elements);
  const auto border = [&](std::int64_t piece) {
    return piece == pieces ? count : piece * block_elements;
  };
  std::vector<std::conditional_t<std::is_same_v<Sum, bool>, std::uint8_t, Sum>> partial(
      static_cast<std::size_t>(rows.size(0) * pieces));
  const std::int64_t grain =
      std::max<std::int64_t>(1, block_elements / std::max<std::int64_t>(1, count));
  detail::parallel_range(rows.size(0) * pieces, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* const row = x + i / pieces * count;
      const std::int64_t first = border(i % pieces);
      partial[static_cast<std::size_t>(i)] =
          fold_run(row + first, border(i % pieces + 1) - first, start(row), f);
    }
  });
  for (std::int64_t row = 0; row < rows.size(0); ++row) {
    Sum folded = start(x + row * count);
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      folded = f(folded, static_cast<Sum>(partial[static_cast<std::size_t>(row * pieces + piece)]));
    }
    out[row] = folded;
  }
  return result;
}

ReductionPlan plan_of_some(const char* name, const Tensor& x, const Reduction& reduction) {
  ReductionPlan plan = detail::plan_reduction(name, x, reduction);
  if (plan.count == 0) fail(name, ": of no elements (input ", x.shape(), ")");
  return plan;
}

// The largest or smallest: `wins(a, b)` says that a goes before b.
template <class Wins>
Tensor extreme(const char* name, const Tensor& x, const Reduction& reduction, const Wins& wins) {
  const ReductionPlan plan = plan_of_some(name, x, reduction);
  Tensor result = detail::with_number(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const auto first = [](const T* row) { return *row; };
    // NaN wins and stays; without a branch, so that lanes become vectors.
    const auto better = [wins](T a, T b) { return (wins(b, a) | (b != b)) ? b : a; };
    return fold_rows<T, T>(detail::as_rows(x.detach(), plan), plan.result, first, better);
  });
  if (!is_differentiable(x.dtype())) return result;
  const auto rule = [kept = plan.kept, axes = reduction.axes](Pullback& back) {
    back.to(0, [&] {
      const Tensor& whole = back.input(0);
      const Tensor taken = whole == back.output().reshape(kept) || whole != whole;
      const Tensor ties = sum(cast(taken, whole.dtype()), {axes, true});
      return where(taken, back.gradient().reshape(kept) / ties, 0.0);
    });
  };
  return record(name, std::move(result), {.inputs = true, .output = true}, rule, x);
}

template <class Wins>
Tensor position_of_extreme(const char* name, const Tensor& x, const Reduction& reduction,
                           const Wins& wins) {
  const ReductionPlan plan = plan_of_some(name, x, reduction);
  const Tensor rows = detail::as_rows(x.detach(), plan);
  Tensor result(plan.result, DType::int64);
  return detail::with_number(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const values = rows.data<T>();
    std::int64_t* const out = result.mutable_data<std::int64_t>();
    const std::int64_t count = plan.count;
    detail::parallel_range(rows.size(0), std::max<std::int64_t>(1, block_elements / count),
                           [&](std::int64_t begin, std::int64_t end) {
                             for (std::int64_t r = begin; r < end; ++r) {
                               const T* const row = values + r * count;
                               std::int64_t best = 0;
                               for (std::int64_t i = 1; i < count && row[best] == row[best]; ++i) {
                                 if (wins(row[i], row[best]) || row[i] != row[i]) best = i;
                               }
                               out[r] = best;
                             }
                           });
    return result;
  });
}

constexpr auto larger = [](auto a, auto b) { return a > b; };
constexpr auto smaller = [](auto a, auto b) { return a < b; };

// Whether all elements of a row count as `value`'s opposite, negated: all for false, any for true.
Tensor decide(const char* name, const Tensor& x, const Reduction& reduction, bool decisive) {
  const ReductionPlan plan = detail::plan_reduction(name, x, reduction);
  const Tensor truth = detail::within(name, [&] { return x.detach() != 0.0; });
  return fold_rows<bool, bool>(
      detail::as_rows(truth, plan), plan.result, [decisive](const bool*) { return !decisive; },
      [decisive](bool a, bool b) { return decisive ? a || b : a && b; });
}

template <class Sum, class F>
Tensor fold_integers(const char* name, const Tensor& x, const ReductionPlan& plan, Sum start,
                     const F& f) {
  return detail::with_number(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    // In unsigned arithmetic, which wraps around.
    const Tensor result = fold_rows<T, std::uint64_t>(
        detail::as_rows(x, plan), plan.result, [start](const T*) { return start; }, f);
    return Tensor(result.storage(), result.shape(), DType::int64);
  });
}

}  // namespace

namespace detail {

Tensor as_rows(const Tensor& x, const ReductionPlan& plan) {
  std::vector<std::int64_t> order;
  std::int64_t results = 1;
  for (const bool last : {false, true}) {
    for (std::size_t axis = 0; axis < x.rank(); ++axis) {
      if (plan.goes[axis] != last) continue;
      order.push_back(static_cast<std::int64_t>(axis));
      if (!last) results *= x.shape()[axis];
    }
  }
  const Tensor moved = std::is_sorted(order.begin(), order.end()) ? x : permute(x, order);
  return moved.reshape({results, plan.count});
}

Tensor integer_sum(const Tensor& x, const ReductionPlan& plan) {
  return fold_integers("sum", x, plan, std::uint64_t{0},
                       [](std::uint64_t a, std::uint64_t b) { return a + b; });
}

}  // namespace detail

Tensor max(const Tensor& x, const Reduction& reduction) {
  return extreme("max", x, reduction, larger);
}
Tensor min(const Tensor& x, const Reduction& reduction) {
  return extreme("min", x, reduction, smaller);
}

Tensor argmax(const Tensor& x) { return position_of_extreme("argmax", x, {}, larger); }
Tensor argmin(const Tensor& x) { return position_of_extreme("argmin", x, {}, smaller); }
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims) {
  return position_of_extreme("argmax", x, {{axis}, keepdims}, larger);
}
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdims) {
  return position_of_extreme("argmin", x, {{axis}, keepdims}, smaller);
}

Tensor all(const Tensor& x, const Reduction& reduction) {
  return decide("all", x, reduction, false);
}
Tensor any(const Tensor& x, const Reduction& reduction) {
  return decide("any", x, reduction, true);
}

// A tree of products of halves: each level is one multiplication, whose derivatives never divide.
Tensor prod(const Tensor& x, const Reduction& reduction) {
  const ReductionPlan plan = detail::plan_reduction("prod", x, reduction);
  if (is_integer(x.dtype()) || x.dtype() == DType::boolean) {
    return fold_integers("prod", x, plan, std::uint64_t{1},
                         [](std::uint64_t a, std::uint64_t b) { return a * b; });
  }
  detail::with_float_type("prod", x.dtype(), [](auto) {});
  if (plan.count == 0) return sum(x, reduction) + 1.0;
  Tensor factors = detail::as_rows(x, plan);
  Tensor odd;
  while (factors.size(1) > 1) {
    const std::int64_t half = factors.size(1) / 2;
    if (factors.size(1) % 2 == 1) {
      const Tensor last = slice(factors, 1, -1);
      odd = odd.defined() ? odd * last : last;
    }
    factors = slice(factors, 1, 0, half) * slice(factors, 1, half, 2 * half);
  }
  if (odd.defined()) factors = factors * odd;
  return plan.count == 1 ? factors.reshape(plan.result) * 1.0 : factors.reshape(plan.result);
}

namespace {

template <class T, class Sum, class Out>
void running_sums(const T* x, const detail::AroundAxis& around, Out* result) {
  constexpr std::int64_t width = 64;
  const std::int64_t tiles = (around.inner + width - 1) / width;
  const std::int64_t elements =
      std::max<std::int64_t>(1, around.length * std::min(width, around.inner));
  const std::int64_t grain = std::max<std::int64_t>(1, block_elements / elements);
  detail::parallel_range(around.outer * tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block % tiles * width;
      const std::int64_t count = std::min(width, around.inner - first);
      std::int64_t at = block / tiles * around.length * around.inner + first;
      Sum sums[width] = {};
      if (around.inner == 1) {
        for (std::int64_t i = at; i < at + around.length; ++i) {
          sums[0] += static_cast<Sum>(x[i]);
          result[i] = static_cast<Out>(sums[0]);
        }
        continue;
      }
      for (std::int64_t row = 0; row < around.length; ++row, at += around.inner) {
        for (std::int64_t j = 0; j < count; ++j) {
          sums[j] += static_cast<Sum>(x[at + j]);
          result[at + j] = static_cast<Out>(sums[j]);
        }
      }
    }
  });
}

}  // namespace

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  const std::size_t along = normalize_axis("cumsum", axis, x.rank());
  const auto around = detail::around_axis(x.shape(), along);
  Tensor result = detail::with_number("cumsum", x.dtype(), [&]<class T>(std::type_identity<T>) {
    constexpr bool real = std::is_floating_point_v<T>;
    using Out = std::conditional_t<real, T, std::int64_t>;
    Tensor sums(x.shape(), dtype_of<Out>);
    running_sums<T, std::conditional_t<real, double, std::uint64_t>>(x.data<T>(), around,
                                                                     sums.mutable_data<Out>());
    return sums;
  });
  if (!is_differentiable(x.dtype())) return result;
  const auto rule = [axis](Pullback& back) {
    back.to(0, [&] { return flip(cumsum(flip(back.gradient(), {axis}), axis), {axis}); });
  };
  return record("cumsum", std::move(result), {}, rule, x);
}

}  // namespace mnemo
