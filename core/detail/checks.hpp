#pragma once
#include <span>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// Throws Error naming the operation if any of the tensors is undefined.
template <class... Tensors>
void expect_defined(const char* name, const Tensors&... tensors) {
  if (!(tensors.defined() && ...)) fail(name, ": an undefined tensor was given");
}

/// Throws Error unless all inputs are defined and of one dtype.
void expect_one_dtype(const char* name, std::span<const Tensor* const> inputs);

}  // namespace mnemo::detail
