#include "mnemo/core/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/axes.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/reduction.hpp"
#include "mnemo/core/detail/sum_kernels.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/shape_ops.hpp"

namespace mnemo {
namespace {

using detail::ReductionPlan;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Neighbouring axes that share their fate, merged; axes of length 1 left out.
struct Group {
  std::int64_t length;
  bool goes;
};

std::vector<Group> merged_axes(const Shape& shape, const std::vector<bool>& goes) {
  std::vector<Group> groups;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (!groups.empty() && groups.back().goes == goes[axis]) {
      groups.back().length *= shape[axis];
    } else {
      groups.push_back({shape[axis], goes[axis]});
    }
  }
  return groups;
}

// Sums one group of axes after the other, the innermost first; between them in float64.
template <class T>
void sum_groups(const Tensor& x, std::vector<Group> groups, double scale, const Tensor& result) {
  const auto last_first = [&] {
    return std::find_if(groups.rbegin(), groups.rend(), [](const Group& g) { return g.goes; });
  };
  Tensor partial = x;
  for (auto next = last_first(); next != groups.rend(); next = last_first()) {
    const auto at = static_cast<std::size_t>(std::distance(next, groups.rend()) - 1);
    std::int64_t outer = 1;
    std::int64_t inner = 1;
    for (std::size_t i = 0; i < at; ++i) outer *= groups[i].length;
    for (std::size_t i = at + 1; i < groups.size(); ++i) inner *= groups[i].length;
    const std::int64_t reduced = groups[at].length;
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(at));
    const bool final = last_first() == groups.rend();
    const auto reduce_from = [&](const auto* from) {
      if (final) {
        detail::sum_middle(from, outer, reduced, inner, scale, result.mutable_data<T>());
      } else {
        Tensor sums({outer, inner}, DType::float64);
        detail::sum_middle(from, outer, reduced, inner, 1.0, sums.mutable_data<double>());
        return sums;
      }
      return result;
    };
    partial = partial.dtype() == dtype_of<T> ? reduce_from(partial.data<T>())
                                             : reduce_from(partial.data<double>());
  }
}

Tensor scaled_sum(const char* name, const Tensor& x, const ReductionPlan& plan, double scale) {
  Tensor result(plan.result, x.dtype());
  detail::with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::vector<Group> groups = merged_axes(x.shape(), plan.goes);
    const bool reduces =
        std::any_of(groups.begin(), groups.end(), [](const Group& g) { return g.goes; });
    if (result.elements() == 0) return;  // nothing to divide into blocks
    if (reduces) {
      sum_groups<T>(x, groups, scale, result);
    } else {
      std::memcpy(result.mutable_raw(), x.raw(), x.bytes());  // one element each: scale is 1
    }
  });
  return result;
}

ReductionPlan plan_of_reals(const char* name, const Tensor& x, const Reduction& reduction) {
  detail::with_float_type(name, x.dtype(name), [](auto) {});
  return detail::plan_reduction(name, x, reduction);
}

Tensor record_sum(const char* name, const Tensor& x, const ReductionPlan& plan, double scale) {
  const auto rule = [kept = plan.kept, whole = x.shape(), scale](Pullback& back) {
    back.to(0, [&] {
      const Tensor g = back.gradient().reshape(kept);
      // Of no elements the scale is infinite, and nothing is to be scaled.
      return broadcast_to(scale == 1.0 || std::isinf(scale) ? g : g * scale, whole);
    });
  };
  return record(name, scaled_sum(name, x, plan, scale), {}, rule, x);
}

}  // namespace

namespace detail {

ReductionPlan plan_reduction(const char* name, const Tensor& x, const Reduction& reduction) {
  expect_defined(name, x);
  ReductionPlan plan{
      .goes = marked_axes(name, reduction.axes, x.rank(), true), .kept = x.shape(), .result = {}};
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (plan.goes[axis]) {
      plan.count *= x.shape()[axis];
      plan.kept[axis] = 1;
    }
    if (!plan.goes[axis] || reduction.keepdims) plan.result.push_back(plan.kept[axis]);
  }
  return plan;
}

}  // namespace detail

Tensor sum(const Tensor& x, const Reduction& reduction) {
  const ReductionPlan plan = detail::plan_reduction("sum", x, reduction);
  if (is_integer(x.dtype()) || x.dtype() == DType::boolean) return detail::integer_sum(x, plan);
  return record_sum("sum", x, plan, 1.0);
}

Tensor mean(const Tensor& x, const Reduction& reduction) {
  const ReductionPlan plan = detail::plan_reduction("mean", x, reduction);
  return record_sum("mean", x, plan, 1.0 / static_cast<double>(plan.count));
}

Tensor var(const Tensor& x, const Reduction& reduction, double correction) {
  const ReductionPlan plan = plan_of_reals("var", x, reduction);
  const double divisor = std::max(0.0, static_cast<double>(plan.count) - correction);
  const Tensor center = mean(x, {reduction.axes, true});
  return sum(square(x - center), reduction) / divisor;
}

Tensor norm(const Tensor& x, double p, const Reduction& reduction) {
  if (!(p > 0.0)) detail::fail("norm: p is ", p, "; it must be above 0");
  plan_of_reals("norm", x, reduction);
  if (std::isinf(p)) return detail::within("norm", [&] { return max(abs(x), reduction); });
  if (p == 1.0) return sum(abs(x), reduction);
  // Roots and powers have no derivative at 0, so 1 takes its place there and the choice of 0 cuts
  // it off afterwards.
  const auto off_zero = [](const Tensor& a, const auto& function) {
    const Tensor nonzero = a != 0.0;
    return where(nonzero, function(where(nonzero, a, 1.0)), 0.0);
  };
  if (p == 2.0) {
    return off_zero(sum(square(x), reduction), [](const Tensor& a) { return sqrt(a); });
  }
  const Tensor powers = off_zero(abs(x), [p](const Tensor& a) { return pow(a, p); });
  return off_zero(sum(powers, reduction), [p](const Tensor& a) { return pow(a, 1.0 / p); });
}

Tensor logsumexp(const Tensor& x, const Reduction& reduction) {
  const ReductionPlan plan = plan_of_reals("logsumexp", x, reduction);
  const auto value = [&] {
    const NoGrad scope;
    if (plan.count == 0) return full(plan.result, -infinity, x.dtype());
    const Tensor top = max(x, {reduction.axes, true});
    const Tensor shift = where(abs(top) == infinity, 0.0, top);  // inf - inf is NaN
    return log(sum(exp(x - shift), reduction)) + shift.reshape(plan.result);
  };
  const auto rule = [kept = plan.kept](Pullback& back) {
    back.to(0, [&] {
      const Tensor y = back.output().reshape(kept);
      return back.gradient().reshape(kept) * exp(back.input(0) - where(y == -infinity, 0.0, y));
    });
  };
  return record("logsumexp", value(), {.inputs = true, .output = true}, rule, x);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  Reduction reduction;
  const std::size_t missing = x.rank() - std::min(x.rank(), shape.rank());
  bool fits = x.rank() >= shape.rank();
  for (std::size_t axis = 0; axis < x.rank() && fits; ++axis) {
    const std::int64_t target = axis < missing ? 1 : shape[axis - missing];
    if (axis < missing || target != x.shape()[axis]) {
      reduction.axes.push_back(static_cast<std::int64_t>(axis));
      fits &= target == 1;
    }
  }
  if (!fits) {
    detail::fail("sum_to: ", x.shape(), " is not what broadcasting ", shape, " could have given");
  }
  if (reduction.axes.empty()) return x;
  return detail::within("sum_to", [&] { return sum(x, reduction).reshape(shape); });
}

}  // namespace mnemo
