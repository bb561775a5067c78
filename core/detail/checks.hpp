#pragma once
#include <span>

#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// Throws Error unless all inputs are of one dtype.
void expect_one_dtype(const char* name, std::span<const Tensor* const> inputs);

}  // namespace mnemo::detail
