#pragma once
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// What batch_norm gives in training: the result, and the statistics that it was made with.
struct BatchNormResult {
  Tensor output;  ///< differentiable in x, weight and bias
  Tensor mean;    ///< of each channel, [channels]; outside the graph
  /// Of each channel, biased (divided by the count), [channels]; outside the graph.
  Tensor variance;
};

/// Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015):
/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, with mean and biased variance of each
/// channel over all other axes. x [batch, channels, ...], weight and bias [channels]. Differentiable
/// to any order. Throws Error for fewer than two values a channel: their variance says nothing.
BatchNormResult batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                           double epsilon = 1e-5);

/// The same with statistics that are given, all [channels], as in evaluation. Differentiable in all
/// of them.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                  const Tensor& variance, double epsilon = 1e-5);

}  // namespace mnemo
