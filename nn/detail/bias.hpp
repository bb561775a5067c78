#pragma once
#include <cmath>

#include "mnemo/nn/initializers.hpp"

namespace mnemo::nn::detail {

using namespace mnemo::detail;  // text and fail, beside what belongs to layers

/// The first values of a bias: uniform in ±1 / sqrt(fan-in of the weight beside it), as in PyTorch.
inline Tensor initial_bias(std::int64_t length, const Shape& weight, Rng& rng, DType dtype) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fans(weight).in));
  return rng.uniform({length}, -bound, bound, dtype);
}

}  // namespace mnemo::nn::detail
