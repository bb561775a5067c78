#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

// gather and scatter_add for int64 positions that are known to lie in the axis and are never
// written again. A temporary x that is scattered into is written in place.
Tensor gathered(const char* name, const Tensor& x, std::size_t axis, const Tensor& index);
Tensor scattered(const char* name, Tensor x, std::size_t axis, const Tensor& index,
                 const Tensor& source);

}  // namespace mnemo::detail
