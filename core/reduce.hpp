#pragma once
#include <cstdint>
#include <vector>

#include "mnemo/core/tensor.hpp"

/// Reductions over any axes. Axes count from the end where negative; none given means all of them.
/// With `keepdims` the reduced axes stay with length 1. Sums are taken in fixed blocks and combined
/// in a fixed order, partial sums in float64, so they are the same for any number of threads.
/// Differentiable for float32 and float64; those that say so take integers and bool too. All throw
/// Error for axes out of range or named twice.
namespace mnemo {

/// Which axes to reduce: `{.axes = {1}, .keepdims = true}`.
struct Reduction {
  std::vector<std::int64_t> axes = {};  ///< negative ones count from the end; none means all
  bool keepdims = false;                ///< leave the reduced axes in the result, with length 1
};

/// 0 of no elements. Integers and bool are summed as int64 (modulo 2^64).
Tensor sum(const Tensor& x, const Reduction& reduction = {});
/// NaN of no elements.
Tensor mean(const Tensor& x, const Reduction& reduction = {});
/// The sum of squares around the mean, divided by (number of elements - correction): 1 is Bessel's
/// correction and PyTorch's default, 0 is NumPy's. A negative divisor counts as 0, so that the
/// variance of one element with correction 1 is NaN, as in PyTorch.
Tensor var(const Tensor& x, const Reduction& reduction = {}, double correction = 1.0);
/// 1 of no elements. The derivative is exact where factors are 0. Integers and bool give int64.
Tensor prod(const Tensor& x, const Reduction& reduction = {});

///@{
/// The largest, the smallest element; any dtype but float16. NaN goes through. Where several
/// elements are the largest they share the gradient evenly, as in PyTorch's amax. Throws Error for
/// no elements.
Tensor max(const Tensor& x, const Reduction& reduction = {});
Tensor min(const Tensor& x, const Reduction& reduction = {});
///@}
///@{
/// Where the largest, the smallest element is, as int64: along one axis, or of all elements in
/// row-major order. The first of several; the first NaN before all numbers. Throws Error for no
/// elements.
Tensor argmax(const Tensor& x);
Tensor argmin(const Tensor& x);
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims = false);
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdims = false);
///@}

/// (sum |x|^p)^(1/p) for p > 0; the largest |x| for p = infinity. The derivative is 0 where the
/// norm is 0, and for an element that is 0. Throws Error for other p.
Tensor norm(const Tensor& x, double p = 2.0, const Reduction& reduction = {});
/// log(sum e^x), without overflow; -inf of no elements. Where all are -inf the derivative is 0
/// (NaN in PyTorch).
Tensor logsumexp(const Tensor& x, const Reduction& reduction = {});

///@{
/// Whether all, any elements are true (not 0), for any dtype but float16; gives bool. Of no
/// elements: true, false.
Tensor all(const Tensor& x, const Reduction& reduction = {});
Tensor any(const Tensor& x, const Reduction& reduction = {});
///@}

/// The sums of the elements up to each, along an axis; integers and bool as int64.
Tensor cumsum(const Tensor& x, std::int64_t axis);

/// `x` summed over the axes that broadcasting from `shape` to x's shape would have repeated: the
/// adjoint of broadcast_to.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace mnemo
