#pragma once
#include <cstdint>
#include <vector>

#include "mnemo/core/tensor.hpp"

/// Reductions over any axes. Axes count from the end where negative; none given means all of them.
/// With `keepdims` the reduced axes stay with length 1. Sums are taken in fixed blocks and combined
/// in a fixed order, partial sums in float64, so they are the same for any number of threads.
namespace mnemo {

struct Reduction {
  std::vector<std::int64_t> axes = {};
  bool keepdims = false;
};

Tensor sum(const Tensor& x, const Reduction& reduction = {});
/// Throws Error for a mean of no elements.
Tensor mean(const Tensor& x, const Reduction& reduction = {});

/// `x` summed over the axes that broadcasting from `shape` to x's shape would have repeated: the
/// adjoint of broadcast_to.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// `x` repeated along new axes and axes of length 1 to fill `shape`.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

}  // namespace mnemo
