#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// target += addend in place, outside the graph; both of one shape and dtype.
void accumulate(const Tensor& target, const Tensor& addend);

}  // namespace mnemo::detail
