#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// log(e^x / sum e^x) along the last axis, without overflow.
Tensor log_softmax(const Tensor& x);
/// e^x / sum e^x along the last axis, without overflow.
Tensor softmax(const Tensor& x);

/// The cross-entropy of each row of `logits` [rows, classes] with its class in `labels` [rows]
/// (int64): -log_softmax(logits)[row, label]. Gives [rows]. Differentiable in the logits. Throws Error
/// for a label outside [0, classes).
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels);

}  // namespace mnemo
