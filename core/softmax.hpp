#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// log(e^x / sum e^x) along an axis, without overflow. A tensor of rank 0 counts as one element.
Tensor log_softmax(const Tensor& x, std::int64_t axis = -1);
/// e^x / sum e^x along an axis, without overflow. NaN for a row that holds NaN or infinity, or
/// nothing but -infinity, as in PyTorch.
Tensor softmax(const Tensor& x, std::int64_t axis = -1);

/// The cross-entropy of each row of `logits` [rows, classes] with its class in `labels` [rows]
/// (int64): -log_softmax(logits)[row, label]. Gives [rows]. Differentiable in the logits. Throws
/// Error for a label outside [0, classes).
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels);

}  // namespace mnemo
