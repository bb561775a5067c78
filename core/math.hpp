#pragma once
#include "mnemo/core/tensor.hpp"

/// Functions of one tensor, element by element, in float32 and float64; each is differentiable to
/// any order. Throws Error for other dtypes.
namespace mnemo {

Tensor exp(const Tensor& x);     ///< e^x; infinity above the dtype's range
Tensor expm1(const Tensor& x);   ///< e^x - 1, exact near 0
Tensor log(const Tensor& x);     ///< -inf at 0, NaN below
Tensor log1p(const Tensor& x);   ///< log(1 + x), exact near 0
Tensor sqrt(const Tensor& x);    ///< derivative inf at 0
Tensor rsqrt(const Tensor& x);   ///< 1 / sqrt(x)
Tensor square(const Tensor& x);  ///< x²
Tensor abs(const Tensor& x);     ///< derivative sign(x), 0 at 0
Tensor sign(const Tensor& x);    ///< -1, 0 or 1, NaN for NaN; its derivative is 0
///@{
/// Of angles in radians.
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
///@}
Tensor erf(const Tensor& x);  ///< the error function

///@{
/// a to the power of b, as std::pow: NaN for a negative base with a fraction as exponent, 1 for
/// exponent 0. The derivative in a is 0 where b is 0; that in b is 0 where a is 0 and b is not
/// negative, NaN where a is negative.
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, double b);
Tensor pow(double a, const Tensor& b);
///@}

///@{
/// The larger, the smaller. NaN of either side goes through; at a tie each side gets half of the
/// gradient (a number beside a tensor takes its half with it), as in PyTorch.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, double b);
Tensor maximum(double a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, double b);
Tensor minimum(double a, const Tensor& b);
///@}
/// min(max(x, low), high); infinities leave a side open. NaN goes through. Derivative 1 within the
/// bounds and on them, as PyTorch's clamp.
Tensor clip(const Tensor& x, double low, double high);

Tensor tanh(const Tensor& x);      ///< the hyperbolic tangent, in (-1, 1)
Tensor sigmoid(const Tensor& x);   ///< 1 / (1 + e^-x)
Tensor softplus(const Tensor& x);  ///< log(1 + e^x), without overflow
Tensor relu(const Tensor& x);      ///< max(x, 0); derivative 0 at 0, as in PyTorch
/// x above 0, slope * x elsewhere (Maas et al. 2013); the derivative at 0 is the slope.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
/// x above 0, alpha (e^x - 1) elsewhere (Clevert et al. 2015); the derivative at 0 is alpha.
Tensor elu(const Tensor& x, double alpha = 1.0);
/// elu with the two constants of Klambauer et al. 2017, so that mean and variance are kept.
Tensor selu(const Tensor& x);
/// x sigmoid(x), also called swish.
Tensor silu(const Tensor& x);
/// log(sigmoid(x)), without overflow.
Tensor log_sigmoid(const Tensor& x);
/// How gelu takes the normal distribution function: by erf, or by a tanh that is near it.
enum class Gelu { exact, tanh };
/// x times the normal distribution function (Hendrycks and Gimpel 2016): x (1 + erf(x / sqrt 2)) /
/// 2, or with tanh(sqrt(2 / pi) (x + 0.044715 x³)) in place of erf.
Tensor gelu(const Tensor& x, Gelu form = Gelu::exact);
/// x between the bounds; derivative 0 on them and beyond, as in PyTorch. Throws Error unless
/// low < high.
Tensor hardtanh(const Tensor& x, double low = -1.0, double high = 1.0);

///@{
/// The result takes the memory of a temporary that nobody else holds.
Tensor exp(Tensor&& x);
Tensor tanh(Tensor&& x);
Tensor sigmoid(Tensor&& x);
///@}

}  // namespace mnemo
