#pragma once
#include <cstdint>
#include <functional>

#include "mnemo/core/rng.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo::nn {

/// Makes the first values of a weight. Layers take one as an option; calling it makes a tensor.
using Initializer = std::function<Tensor(const Shape& shape, Rng& rng, DType dtype)>;

/// How many inputs and outputs meet in one unit of a weight: for [out, in, k...] that is in * k and
/// out * k, with k the product of the kernel's lengths. As in PyTorch the second axis counts as
/// input, also for the [in, out, kh, kw] of a transposed convolution.
struct Fans {
  std::int64_t in;
  std::int64_t out;
};
/// Throws Error for a shape of fewer than two axes.
Fans fans(const Shape& weight);

namespace init {

Initializer zeros();
Initializer ones();
Initializer constant(double value);
Initializer uniform(double low, double high);
Initializer normal(double mean = 0.0, double deviation = 1.0);
/// Uniform in ±sqrt(6 / (in + out)), or normal with deviation sqrt(2 / (in + out)) (Glorot and Bengio
/// 2010).
Initializer glorot_uniform();
Initializer glorot_normal();
/// Uniform in ±sqrt(6 / in), or normal with deviation sqrt(2 / in): for ReLU (He et al. 2015).
Initializer he_uniform();
Initializer he_normal();
/// Uniform in ±1 / sqrt(in): what PyTorch's layers start from, and ours, bias included.
Initializer fan_in_uniform();

}  // namespace init
}  // namespace mnemo::nn
