#pragma once
#include <cstdint>
#include <vector>

#include "mnemo/core/reduce.hpp"

namespace mnemo::detail {

/// What a reduction of x does: for each axis whether it goes, and the shapes of the result.
struct ReductionPlan {
  std::vector<bool> goes;
  Shape kept;              // reduced axes with length 1
  Shape result;            // as the caller asked for it
  std::int64_t count = 1;  // elements that go into one result
};
ReductionPlan plan_reduction(const char* name, const Tensor& x, const Reduction& reduction);

/// x as [results, count]: the reduced axes moved to the end and merged. Differentiable.
Tensor as_rows(const Tensor& x, const ReductionPlan& plan);

/// The sum of integers or bools, as int64.
Tensor integer_sum(const Tensor& x, const ReductionPlan& plan);

}  // namespace mnemo::detail
