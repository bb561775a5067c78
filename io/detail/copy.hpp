#pragma once
#include "mnemo/core/variables.hpp"

namespace mnemo::detail {

/// Copies elements between tensors of equal shape and dtype, on all threads.
void copy_elements(const Tensor& from, const Tensor& to);

/// Makes `copy` equal to `variables`, with storage of its own. Where it is so already but for the
/// elements, its storage is used again.
void copy_variables(const Variables& variables, Variables& copy);

}  // namespace mnemo::detail
