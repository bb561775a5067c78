#include "mnemo/nn/losses.hpp"

#include <algorithm>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "mnemo/core/softmax.hpp"

namespace mnemo::nn {
namespace {

Tensor reduced(const char* name, const Tensor& losses, Reduce reduce) {
  switch (reduce) {
    case Reduce::mean:
      if (losses.elements() == 0) detail::fail(name, ": the mean of no losses, ", losses.shape());
      return mean(losses);
    case Reduce::sum: return sum(losses);
    case Reduce::none: break;
  }
  return losses;
}

void expect_alike(const char* name, const Tensor& a, const Tensor& b) {
  const bool alike = a.shape(name) == b.shape(name) && a.dtype() == b.dtype();
  if (alike && is_differentiable(a.dtype())) return;
  detail::fail(name, ": prediction ", a.shape(), " of ", a.dtype(), " and target ", b.shape(),
               " of ", b.dtype(), " should have one shape, and be both float32 or both float64");
}

void expect_share(const char* name, const char* option, double value) {
  if (value >= 0.0 && value <= 1.0) return;
  detail::fail(name, ": ", option, " ", value, " is outside [0, 1]");
}

}  // namespace

Tensor mse(const Tensor& prediction, const Tensor& target, Reduce reduce) {
  expect_alike("mse", prediction, target);
  return reduced("mse", square(prediction - target), reduce);
}

Tensor l1(const Tensor& prediction, const Tensor& target, Reduce reduce) {
  expect_alike("l1", prediction, target);
  return reduced("l1", abs(prediction - target), reduce);
}

Tensor huber(const Tensor& prediction, const Tensor& target, const HuberOptions& options) {
  expect_alike("huber", prediction, target);
  const double delta = options.delta;
  if (!(delta > 0.0)) detail::fail("huber: delta ", delta, " is not above 0");
  const Tensor distance = abs(prediction - target);
  return reduced("huber",
                 where(distance <= delta, square(distance) * 0.5, (distance - 0.5 * delta) * delta),
                 options.reduce);
}

Tensor bce(const Tensor& prediction, const Tensor& target, Reduce reduce) {
  expect_alike("bce", prediction, target);
  detail::with_float_type("bce", prediction.dtype(), [&]<class T>(std::type_identity<T>) {
    for (const T p : prediction.span<T>()) {
      if (!(p >= T(0) && p <= T(1))) detail::fail("bce: the prediction ", p, " is outside [0, 1]");
    }
  });
  const auto cut_log = [](const Tensor& x) { return maximum(log(x), -100.0); };
  Tensor value;
  {
    const NoGrad no_grad;
    const Tensor miss = 1.0 - prediction;
    value = -(target * cut_log(prediction) + (1.0 - target) * cut_log(miss));
  }
  constexpr double least = 1e-12f;  // PyTorch's constant is a float
  // A rule of its own: that of the formula would be 0/0 where the prediction is 0 or 1.
  const auto rule = [cut_log](Pullback& back) {
    const Tensor &p = back.input(0), &t = back.input(1), &g = back.gradient();
    back.to(0, [&] { return g * ((p - t) / maximum(p * (1.0 - p), least)); });
    back.to(1, [&] { return g * (cut_log(1.0 - p) - cut_log(p)); });
  };
  return reduced("bce", record("bce", std::move(value), {.inputs = true}, rule, prediction, target),
                 reduce);
}

Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const BceOptions& options) {
  expect_alike("bce_with_logits", logits, targets);
  expect_share("bce_with_logits", "label_smoothing", options.label_smoothing);
  const double s = options.label_smoothing;
  const Tensor t = s == 0.0 ? targets : targets * (1.0 - s) + s / 2.0;
  Tensor positive = t * softplus(-logits);
  if (options.pos_weight.defined()) {
    const Shape& shape = options.pos_weight.shape();
    if (!(broadcast_shapes("bce_with_logits: pos_weight", shape, logits.shape()) ==
          logits.shape()) ||
        options.pos_weight.dtype() != logits.dtype()) {
      detail::fail("bce_with_logits: pos_weight ", shape, " of ", options.pos_weight.dtype(),
                   " does not broadcast to the logits ", logits.shape(), " of ", logits.dtype());
    }
    positive = positive * options.pos_weight;
  }
  return reduced("bce_with_logits", positive + (1.0 - t) * softplus(logits), options.reduce);
}

Tensor bce_with_logits(const Tensor& logits, double target, const BceOptions& options) {
  expect_share("bce_with_logits", "the target", target);
  if (options.pos_weight.defined() || options.label_smoothing != 0.0) {
    return bce_with_logits(logits, full(logits.shape(), target, logits.dtype()), options);
  }
  if (target == 0.0) return reduced("bce_with_logits", softplus(logits), options.reduce);
  if (target == 1.0) return reduced("bce_with_logits", softplus(-logits), options.reduce);
  return reduced("bce_with_logits", softplus(-logits) * target + softplus(logits) * (1.0 - target),
                 options.reduce);
}

namespace {

// Scores [batch, classes, ...] or [classes] as rows [count, classes], and the shape without the
// classes.
struct Rows {
  Tensor scores;
  Shape shape;
};

Tensor classes_last(const Tensor& x) {
  if (x.rank() <= 2) return x.reshape({x.elements() / x.size(-1), x.size(-1)});
  std::vector<std::int64_t> order{0};
  for (std::size_t axis = 2; axis < x.rank(); ++axis)
    order.push_back(static_cast<std::int64_t>(axis));
  order.push_back(1);
  return permute(x, order).reshape({x.elements() / x.size(1), x.size(1)});
}

Rows rows_of(const char* name, const Tensor& x) {
  detail::with_float_type(name, x.dtype(name), [](auto) {});
  const std::size_t axis = x.rank() == 1 ? 0 : 1;
  if (x.rank() == 0 || x.shape()[axis] == 0) {
    detail::fail(name, ": takes [batch, classes, ...] or [classes] with some classes, got ",
                 x.shape());
  }
  Shape shape = x.shape();
  shape.erase(axis);
  return {classes_last(x), shape};
}

Tensor checked_weight(const char* name, const Tensor& weight, const Tensor& rows) {
  const Shape classes{rows.size(1)};
  if (!weight.defined()) return ones(classes, rows.dtype());
  if (weight.shape() == classes && weight.dtype() == rows.dtype()) return weight.detach();
  detail::fail(name, ": weight ", weight.shape(), " of ", weight.dtype(), " should be ", classes,
               " of ", rows.dtype());
}

// What each row's log-probabilities are weighed with, [rows, classes], and the sum of the labels'
// weights. Rows of the label `ignore` are 0.
struct Targets {
  Tensor weights;
  double total = 0.0;
};

Targets label_targets(const char* name, const Rows& rows, const Tensor& labels,
                      const Tensor& weight, std::int64_t ignore, double smoothing) {
  if (!is_integer(labels.dtype(name)) || !(labels.shape() == rows.shape)) {
    detail::fail(name, ": labels ", labels.shape(), " of ", labels.dtype(), " should be ",
                 rows.shape, " of an integer dtype");
  }
  const std::int64_t classes = rows.scores.size(1);
  const Tensor wide = cast(labels, DType::int64);
  Targets targets{zeros(rows.scores.shape(), rows.scores.dtype())};
  detail::with_float_type(name, rows.scores.dtype(), [&]<class T>(std::type_identity<T>) {
    T* out = targets.weights.mutable_data<T>();
    const T* const w = weight.data<T>();
    std::int64_t position = 0;
    for (const std::int64_t label : wide.span<std::int64_t>()) {
      if (label != ignore) {
        if (label < 0 || label >= classes) {
          detail::fail(name, ": label ", label, " at position ", position, " is outside [0, ",
                       classes, ")");
        }
        targets.total += static_cast<double>(w[label]);
        const T spread = static_cast<T>(smoothing / static_cast<double>(classes));
        if (smoothing > 0.0) std::transform(w, w + classes, out, [=](T c) { return c * spread; });
        out[label] += static_cast<T>(1.0 - smoothing) * w[label];
      }
      out += classes;
      ++position;
    }
  });
  return targets;
}

Tensor weighed(const char* name, const Rows& rows, const Tensor& log_probabilities,
               const Targets& targets, Reduce reduce) {
  // A class of probability 0 costs nothing where it is not asked for: no 0 times infinity.
  const Tensor counted = where(targets.weights != 0.0, log_probabilities, 0.0);
  const Tensor losses = -sum(counted * targets.weights, {.axes = {-1}});
  if (reduce != Reduce::mean) return reduced(name, losses.reshape(rows.shape), reduce);
  if (!(targets.total > 0.0)) detail::fail(name, ": a mean in which no row counts");
  return sum(losses) / targets.total;
}

}  // namespace

Tensor nll(const Tensor& log_probabilities, const Tensor& labels, const NllOptions& options) {
  const Rows rows = rows_of("nll", log_probabilities);
  const Tensor weight = checked_weight("nll", options.weight, rows.scores);
  const Targets targets = label_targets("nll", rows, labels, weight, options.ignore_index, 0.0);
  return weighed("nll", rows, rows.scores, targets, options.reduce);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target,
                     const CrossEntropyOptions& options) {
  constexpr const char* name = "cross_entropy";
  const double s = options.label_smoothing;
  expect_share(name, "label_smoothing", s);
  const bool plain = !options.weight.defined() && s == 0.0 && options.ignore_index < 0;
  if (plain && logits.rank() == 2 && logits.elements() > 0 && target.dtype() == DType::int64 &&
      target.rank() == 1 && target.size(0) == logits.size(0)) {
    const auto labels = target.span<std::int64_t>();
    if (std::find(labels.begin(), labels.end(), options.ignore_index) == labels.end()) {
      return detail::within(name, [&] {
        return reduced(name, softmax_cross_entropy(logits, target), options.reduce);
      });
    }
  }
  const Rows rows = rows_of(name, logits);
  const Tensor weight = checked_weight(name, options.weight, rows.scores);
  const Tensor log_probabilities = log_softmax(rows.scores);
  if (is_integer(target.dtype())) {
    const Targets targets = label_targets(name, rows, target, weight, options.ignore_index, s);
    return weighed(name, rows, log_probabilities, targets, options.reduce);
  }
  expect_alike(name, logits, target);
  Tensor probabilities = classes_last(target);
  if (s > 0.0) {
    probabilities = probabilities * (1.0 - s) + s / static_cast<double>(rows.scores.size(1));
  }
  const Targets targets{probabilities * weight, static_cast<double>(rows.scores.size(0))};
  return weighed(name, rows, log_probabilities, targets, options.reduce);
}

Tensor kl_div(const Tensor& log_prediction, const Tensor& target, const KlDivOptions& options) {
  expect_alike("kl_div", log_prediction, target);
  if (options.log_target) {
    return reduced("kl_div", exp(target) * (target - log_prediction), options.reduce);
  }
  const Tensor entropy = target * log(where(target > 0.0, target, 1.0));
  return reduced("kl_div", entropy - target * log_prediction, options.reduce);
}

}  // namespace mnemo::nn
