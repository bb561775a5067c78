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
  std::int64_t in;   ///< how many inputs each output is a sum of
  std::int64_t out;  ///< how many outputs each input goes into
};
/// Those of a weight of this shape. Throws Error for fewer than two axes.
Fans fans(const Shape& weight);

/// The initialisers that layers take as `weight_initializer`. All but `zeros`, `ones` and `constant`
/// draw from the layer's generator; 'in' and 'out' are the weight's Fans.
namespace init {

///@{
/// The same number everywhere.
Initializer zeros();
Initializer ones();
Initializer constant(double value);
///@}
///@{
/// Uniform in [low, high); normal. Throws Error as Rng does.
Initializer uniform(double low, double high);
Initializer normal(double mean = 0.0, double deviation = 1.0);
///@}
/// Normal, drawn anew where outside [low, high]. Throws Error where that holds less than a hundredth
/// of the distribution.
Initializer truncated_normal(double mean = 0.0, double deviation = 1.0, double low = -2.0,
                             double high = 2.0);
///@{
/// Uniform in ±gain sqrt(6 / (in + out)), or normal with deviation gain sqrt(2 / (in + out)) (Glorot
/// and Bengio 2010).
Initializer glorot_uniform(double gain = 1.0);
Initializer glorot_normal(double gain = 1.0);
///@}
///@{
/// Uniform in ±sqrt(6 / ((1 + slope²) in)), or normal with deviation sqrt(2 / ((1 + slope²) in)): for
/// ReLU, or LeakyReLU of that slope (He et al. 2015).
Initializer he_uniform(double slope = 0.0);
Initializer he_normal(double slope = 0.0);
///@}
///@{
/// Uniform in ±sqrt(3 / in), or normal with deviation sqrt(1 / in): for SELU (LeCun et al. 1998).
Initializer lecun_uniform();
Initializer lecun_normal();
///@}
/// Rows (or columns, where these are fewer) that are orthogonal and of length `gain`: the weight as a
/// matrix [first axis, rest], drawn uniformly among all such (Saxe, McClelland and Ganguli 2014).
Initializer orthogonal(double gain = 1.0);
/// Uniform in ±1 / sqrt(in): what PyTorch's layers start from, and ours, bias included.
Initializer fan_in_uniform();

}  // namespace init
}  // namespace mnemo::nn
