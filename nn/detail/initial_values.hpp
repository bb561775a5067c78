#pragma once
#include <cmath>

#include "mnemo/nn/initializers.hpp"

namespace mnemo::nn::detail {

using namespace mnemo::detail;  // text and fail, beside what belongs to layers

/// What `initializer` gives for a weight. Throws Error where that is no such weight.
inline Tensor initial_weight(const Initializer& initializer, const Shape& shape, Rng& rng,
                             DType dtype) {
  if (!initializer) fail("weight_initializer: is empty");
  Tensor weight = initializer(shape, rng, dtype);
  if (weight.shape() == shape && weight.dtype() == dtype) return weight;
  fail("weight_initializer: gives ", weight.shape(), " of ", weight.dtype(), " for a weight ",
       shape, " of ", dtype);
}

/// The first values of a bias: uniform in ±1 / sqrt(fan-in of the weight beside it), as in PyTorch.
inline Tensor initial_bias(std::int64_t length, const Shape& weight, Rng& rng, DType dtype) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fans(weight).in));
  return rng.uniform({length}, -bound, bound, dtype);
}

}  // namespace mnemo::nn::detail
