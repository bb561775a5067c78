#pragma once
#include "mnemo/core/tensor.hpp"

/// Arithmetic and comparison of tensors element by element, with NumPy's broadcasting. Both tensors
/// have one dtype (float32 or float64; comparisons take any); a number takes the tensor's dtype.
/// Throws Error where dtypes differ or shapes do not broadcast.
namespace mnemo {

///@{
/// Element by element, broadcast, in the dtype of both. Division by 0 gives infinity or NaN as in
/// IEEE 754. Differentiable to any order; a gradient is summed over the axes that broadcasting
/// repeated.
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a);
///@}

///@{
/// The same with a number beside the tensor, in the tensor's dtype; the result has its shape.
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
///@}

///@{
/// The result takes the memory of a temporary that nobody else holds.
Tensor operator+(Tensor&& a, const Tensor& b);
Tensor operator-(Tensor&& a, const Tensor& b);
Tensor operator*(Tensor&& a, const Tensor& b);
Tensor operator/(Tensor&& a, const Tensor& b);
Tensor operator-(Tensor&& a);
Tensor operator+(Tensor&& a, double b);
Tensor operator-(Tensor&& a, double b);
Tensor operator*(Tensor&& a, double b);
Tensor operator/(Tensor&& a, double b);
Tensor operator+(double a, Tensor&& b);
Tensor operator-(double a, Tensor&& b);
Tensor operator*(double a, Tensor&& b);
///@}

///@{
/// Comparisons give bool and are not differentiable. NaN compares as in C++: unequal to everything.
/// A number beside an integer tensor is compared exactly, beside a float32 tensor rounded to
/// float32.
Tensor operator==(const Tensor& a, const Tensor& b);
Tensor operator!=(const Tensor& a, const Tensor& b);
Tensor operator<(const Tensor& a, const Tensor& b);
Tensor operator<=(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>=(const Tensor& a, const Tensor& b);
Tensor operator==(const Tensor& a, double b);
Tensor operator!=(const Tensor& a, double b);
Tensor operator<(const Tensor& a, double b);
Tensor operator<=(const Tensor& a, double b);
Tensor operator>(const Tensor& a, double b);
Tensor operator>=(const Tensor& a, double b);
Tensor operator==(double a, const Tensor& b);
Tensor operator!=(double a, const Tensor& b);
Tensor operator<(double a, const Tensor& b);
Tensor operator<=(double a, const Tensor& b);
Tensor operator>(double a, const Tensor& b);
Tensor operator>=(double a, const Tensor& b);
///@}

///@{
/// Logic element by element, of tensors of any dtype (also two of different ones): what is not 0
/// counts as true, NaN too. Gives bool. Both sides are computed always.
Tensor operator&&(const Tensor& a, const Tensor& b);
Tensor operator||(const Tensor& a, const Tensor& b);
Tensor operator!(const Tensor& a);
Tensor logical_xor(const Tensor& a, const Tensor& b);
///@}

///@{
/// `yes` where `condition` (bool) is true, `no` elsewhere; the three broadcast. Both branches are
/// of one dtype, whichever. Each branch gets the gradient where it was taken, 0 elsewhere.
Tensor where(const Tensor& condition, const Tensor& yes, const Tensor& no);
Tensor where(const Tensor& condition, const Tensor& yes, double no);
Tensor where(const Tensor& condition, double yes, const Tensor& no);
///@}

///@{
/// In place on the left side: `b` broadcasts to its shape. Returns it. Throws Error where `a` is
/// part of a recorded computation (see Tensor::assign()), and as the operators above.
const Tensor& operator+=(const Tensor& a, const Tensor& b);
const Tensor& operator-=(const Tensor& a, const Tensor& b);
const Tensor& operator*=(const Tensor& a, const Tensor& b);
const Tensor& operator/=(const Tensor& a, const Tensor& b);
const Tensor& operator+=(const Tensor& a, double b);
const Tensor& operator-=(const Tensor& a, double b);
const Tensor& operator*=(const Tensor& a, double b);
const Tensor& operator/=(const Tensor& a, double b);
///@}

}  // namespace mnemo
