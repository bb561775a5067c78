#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"

/// Losses, with the names, formulas and defaults of PyTorch. Prediction and target have one shape
/// unless said otherwise: a loss never broadcasts, since [n, 1] against [n] would give n² terms. Throws
/// Error where shapes or dtypes do not fit, and for the mean of no losses.
namespace mnemo::nn {

/// How a loss joins the values of its elements.
enum class Reduce { mean, sum, none };

/// (prediction - target)²
Tensor mse(const Tensor& prediction, const Tensor& target, Reduce reduce = Reduce::mean);

/// |prediction - target|
Tensor l1(const Tensor& prediction, const Tensor& target, Reduce reduce = Reduce::mean);

/// Where huber turns from a parabola to a line, and how it joins.
struct HuberOptions {
  double delta = 1.0;            ///< above 0
  Reduce reduce = Reduce::mean;  ///< how the values of the elements are joined
};
/// With d = |prediction - target|: d² / 2 up to delta, delta (d - delta / 2) beyond.
Tensor huber(const Tensor& prediction, const Tensor& target, const HuberOptions& options = {});

/// Binary cross-entropy of probabilities in [0, 1]: -(t log p + (1 - t) log(1 - p)), the logarithms
/// cut off at -100 and the denominator p (1 - p) of the derivative at 1e-12, as in PyTorch. Throws Error
/// for a prediction outside [0, 1].
Tensor bce(const Tensor& prediction, const Tensor& target, Reduce reduce = Reduce::mean);

/// How bce_with_logits weighs, smooths and joins.
struct BceOptions {
  Tensor pos_weight = {};        ///< weight of the positive part; broadcasts to the logits
  double label_smoothing = 0.0;  ///< s in [0, 1]: the target t becomes t (1 - s) + s / 2
  Reduce reduce = Reduce::mean;  ///< how the values of the elements are joined
};
///@{
/// Binary cross-entropy of sigmoid(logits) with targets in [0, 1], exact for logits of any size:
/// t softplus(-x) + (1 - t) softplus(x). Targets of the logits' shape, or one number for all.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const BceOptions& options = {});
Tensor bce_with_logits(const Tensor& logits, double target, const BceOptions& options = {});
///@}

/// How nll weighs and joins.
struct NllOptions {
  Tensor weight = {};                ///< of each class, [classes]; constant
  std::int64_t ignore_index = -100;  ///< rows of this label do not count
  Reduce reduce = Reduce::mean;      ///< the mean divides by the sum of the weights of the labels
};
/// -weight[label] log_probabilities[label]: log-probabilities [batch, classes, ...] or [classes], labels
/// of any integer dtype and that shape without the classes. Throws Error for a label outside
/// [0, classes), and for a mean in which no row counts.
Tensor nll(const Tensor& log_probabilities, const Tensor& labels, const NllOptions& options = {});

/// How cross_entropy weighs, smooths and joins.
struct CrossEntropyOptions {
  Tensor weight = {};                ///< of each class, [classes]; constant
  std::int64_t ignore_index = -100;  ///< rows of this label do not count; for class indices only
  double label_smoothing = 0.0;      ///< s in [0, 1]: the target t becomes t (1 - s) + s / classes
  Reduce reduce = Reduce::mean;      ///< how the values of the rows are joined
};
/// Cross-entropy of softmax(logits), logits [batch, classes, ...] or [classes], with class indices, as in
/// nll, or with probabilities in the shape and dtype of the logits. The mean divides by the sum of the
/// labels' weights, for probabilities by the number of rows.
Tensor cross_entropy(const Tensor& logits, const Tensor& target,
                     const CrossEntropyOptions& options = {});

/// How kl_div reads its target and joins.
struct KlDivOptions {
  bool log_target = false;       ///< the target is given as logarithms
  Reduce reduce = Reduce::mean;  ///< how the values of the elements are joined
};
/// Kullback and Leibler's divergence, point by point: t (log t - log_prediction), 0 where t is 0. As in
/// PyTorch the mean is that of all points; for that of the rows divide the sum by their number.
Tensor kl_div(const Tensor& log_prediction, const Tensor& target, const KlDivOptions& options = {});

}  // namespace mnemo::nn
