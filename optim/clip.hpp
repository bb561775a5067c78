#pragma once
#include "mnemo/core/variables.hpp"

/// Clipping of named gradients, between `grad` and an optimizer's step. Tensors that have to change are
/// replaced by new ones outside the graph; what else holds them sees the old elements.
namespace mnemo::optim {

/// The root of the sum of the squares of all elements, added in float64 in an order that does not
/// depend on the number of threads. Throws Error that names the tensor where one is not finite.
double global_norm(const Variables& gradients);

/// Where the global norm is above `maximum`, multiplies all gradients by maximum / norm (Pascanu,
/// Mikolov and Bengio 2013; PyTorch adds 1e-6 to the norm first). Returns the norm before.
/// Throws Error as `global_norm`, and for a maximum that is not above 0.
double clip_by_global_norm(Variables& gradients, double maximum);

/// Limits each element to [-maximum, maximum]. Returns the global norm before. Throws likewise.
double clip_by_value(Variables& gradients, double maximum);

}  // namespace mnemo::optim
