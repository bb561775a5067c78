#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// The matrix product op(a) op(b), where op transposes if its flag is set: [m, k] times [k, n] gives
/// [m, n]. The transposed matrix is never made. Throws Error unless both are matrices of one dtype,
/// float32 or float64, with equal inner lengths.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

/// x Wᵀ + b, what a dense layer computes: x [..., in], weight [out, in], bias [out] or undefined;
/// gives [..., out]. Throws Error where the lengths do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace mnemo
