#include "mnemo/core/reduce.hpp"

#include <algorithm>
#include <cstring>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/spans.hpp"
#include "mnemo/core/detail/sum_kernels.hpp"
#include "mnemo/core/differentiable.hpp"

namespace mnemo {
namespace {

// What is to be reduced: for each axis of x whether it goes, and the shapes of the result.
struct Plan {
  std::vector<bool> goes;
  Shape kept;      // reduced axes with length 1
  Shape result;    // as the caller asked for it
  std::int64_t count = 1;  // elements that go into one result
};

Plan plan_reduction(const char* name, const Tensor& x, const Reduction& reduction) {
  Plan plan{.goes = std::vector<bool>(x.rank(), reduction.axes.empty()), .kept = x.shape(),
            .result = {}};
  for (const std::int64_t given : reduction.axes) {
    const std::size_t axis = normalize_axis(name, given, x.rank());
    if (plan.goes[axis]) detail::fail(name, ": axis ", given, " is given twice");
    plan.goes[axis] = true;
  }
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (plan.goes[axis]) {
      plan.count *= x.shape()[axis];
      plan.kept[axis] = 1;
    }
    if (!plan.goes[axis] || reduction.keepdims) plan.result.push_back(plan.kept[axis]);
  }
  return plan;
}

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

Tensor scaled_sum(const char* name, const Tensor& x, const Plan& plan, double scale) {
  Tensor result(plan.result, x.dtype());
  detail::with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const std::vector<Group> groups = merged_axes(x.shape(), plan.goes);
    const bool reduces =
        std::any_of(groups.begin(), groups.end(), [](const Group& g) { return g.goes; });
    if (reduces) {
      sum_groups<T>(x, groups, scale, result);
    } else if (x.bytes() > 0) {
      std::memcpy(result.mutable_raw(), x.raw(), x.bytes());  // one element each: scale is 1
    }
  });
  return result;
}

Tensor record_sum(const char* name, const Tensor& x, const Plan& plan, double scale) {
  const auto rule = [kept = plan.kept, whole = x.shape(), scale](Pullback& back) {
    back.to(0, [&] {
      const Tensor g = back.gradient().reshape(kept);
      return broadcast_to(scale == 1.0 ? g : g * scale, whole);
    });
  };
  return record(name, scaled_sum(name, x, plan, scale), {}, rule, x);
}

}  // namespace

Tensor sum(const Tensor& x, const Reduction& reduction) {
  return record_sum("sum", x, plan_reduction("sum", x, reduction), 1.0);
}

Tensor mean(const Tensor& x, const Reduction& reduction) {
  const Plan plan = plan_reduction("mean", x, reduction);
  if (plan.count == 0) detail::fail("mean: of no elements (input ", x.shape(), ")");
  return record_sum("mean", x, plan, 1.0 / static_cast<double>(plan.count));
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
  return sum(x, reduction).reshape(shape);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.rank() > shape.rank() || !(broadcast_shapes("broadcast_to", x.shape(), shape) == shape)) {
    detail::fail("broadcast_to: ", x.shape(), " does not broadcast to ", shape);
  }
  Tensor result(shape, x.dtype());
  const auto walk = detail::plan_walk<1>("broadcast_to", shape, {&x.shape()});
  detail::with_any_type(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const from = x.data<T>();
    T* const to = result.mutable_data<T>();
    detail::for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 1> offset,
                                   std::int64_t length) {
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

}  // namespace mnemo
