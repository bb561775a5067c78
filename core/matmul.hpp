#pragma once
#include <string_view>

#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// The matrix product op(a) op(b), where op transposes the last two axes if its flag is set: [m, k]
/// times [k, n] gives [m, n]. The transposed matrix is never made. Axes before the last two are
/// batches and broadcast; a vector is a row on the left and a column on the right, and its axis
/// goes from the result, as in numpy.matmul. Throws Error unless both are of one dtype, float32 or
/// float64, and fit.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

/// The sum of products of two vectors of one length, of rank 0.
Tensor dot(const Tensor& a, const Tensor& b);
/// [m] and [n] give [m, n]: all products.
Tensor outer(const Tensor& a, const Tensor& b);

/// Einstein's summation of two operands: `einsum("bij,jk->bik", a, b)`. Letters in both operands
/// but not in the result are multiplied and summed, those in one only are summed; without `->` the
/// result has the letters that occur once, sorted. Throws Error, naming it, for what is not
/// supported: other numbers of operands, `...`, a letter twice in one operand or in the result.
Tensor einsum(std::string_view formula, const Tensor& a, const Tensor& b);

/// x Wᵀ + b, what a dense layer computes: x [..., in], weight [out, in], bias [out] or undefined;
/// gives [..., out]. Throws Error where the lengths do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace mnemo
