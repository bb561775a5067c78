#pragma once
#include "mnemo/core/tensor.hpp"

/// Functions of one tensor, element by element, in float32 and float64; each is differentiable to any
/// order. Throws Error for other dtypes.
namespace mnemo {

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  ///< log(1 + x), exact near 0
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);   ///< derivative sign(x), 0 at 0
Tensor sign(const Tensor& x);  ///< -1, 0 or 1; its derivative is 0
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);

Tensor maximum(const Tensor& a, const Tensor& b);  ///< NaN goes through; at a tie each gets half
Tensor maximum(const Tensor& a, double b);         ///< the derivative at a tie is 0

Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);   ///< 1 / (1 + e^-x)
Tensor softplus(const Tensor& x);  ///< log(1 + e^x), without overflow
Tensor relu(const Tensor& x);      ///< max(x, 0); derivative 0 at 0, as in PyTorch
/// x above 0, slope * x elsewhere (Maas et al. 2013); the derivative at 0 is the slope.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);

}  // namespace mnemo
