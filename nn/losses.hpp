#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo::nn {

/// How a loss joins the values of its elements.
enum class Reduce { mean, sum, none };

/// Binary cross-entropy of sigmoid(logits) with targets in [0, 1], computed from the logits without
/// overflow: softplus(x) - x t. Targets of the logits' shape, or one number for all.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, Reduce reduce = Reduce::mean);
Tensor bce_with_logits(const Tensor& logits, double target, Reduce reduce = Reduce::mean);

/// Cross-entropy of softmax(logits) with class indices: logits [batch, classes], labels [batch] of
/// int64. Throws Error for a label outside [0, classes).
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduce reduce = Reduce::mean);

/// (prediction - target)², both of one shape.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduce reduce = Reduce::mean);

}  // namespace mnemo::nn
