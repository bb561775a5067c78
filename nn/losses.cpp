#include "mnemo/nn/losses.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/softmax.hpp"

namespace mnemo::nn {
namespace {

Tensor reduced(const Tensor& losses, Reduce reduce) {
  switch (reduce) {
    case Reduce::mean: return mean(losses);
    case Reduce::sum: return sum(losses);
    case Reduce::none: break;
  }
  return losses;
}

// A loss that silently broadcasts [n, 1] against [n] gives n² terms, a classic mistake.
void expect_equal_shapes(const char* name, const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape()) return;
  detail::fail(name, ": prediction ", a.shape(), " and target ", b.shape(),
               " should have one shape");
}

}  // namespace

Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, Reduce reduce) {
  expect_equal_shapes("bce_with_logits", logits, targets);
  return reduced(softplus(logits) - logits * targets, reduce);
}

Tensor bce_with_logits(const Tensor& logits, double target, Reduce reduce) {
  if (!(target >= 0.0 && target <= 1.0)) {
    detail::fail("bce_with_logits: the target ", target, " is outside [0, 1]");
  }
  const Tensor loss = target == 0.0 ? softplus(logits) : softplus(logits) - logits * target;
  return reduced(loss, reduce);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduce reduce) {
  return reduced(softmax_cross_entropy(logits, labels), reduce);
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduce reduce) {
  expect_equal_shapes("mse", prediction, target);
  return reduced(square(prediction - target), reduce);
}

}  // namespace mnemo::nn
