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

/// What `body` gives. An Error of an operation within is told under the name of the one that the
/// user called.
[[noreturn]] void rethrow_within(std::string_view name, const Error& error);
template <class Body>
auto within(const char* name, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    rethrow_within(name, error);
  }
}

/// Throws Error unless all inputs are defined and of one dtype.
void expect_one_dtype(const char* name, std::span<const Tensor* const> inputs);

}  // namespace mnemo::detail
