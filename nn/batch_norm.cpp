#include "mnemo/nn/batch_norm.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"

namespace mnemo::nn {

BatchNorm2d::BatchNorm2d(std::int64_t channels, const BatchNormOptions& options)
    : epsilon_(options.epsilon), momentum_(options.momentum) {
  if (channels < 1) detail::fail("BatchNorm2d: ", channels, " channels; at least 1 is needed");
  const Shape shape{channels};
  weight = parameter("weight", ones(shape, options.dtype));
  bias = parameter("bias", zeros(shape, options.dtype));
  running_mean = buffer("running_mean", zeros(shape, options.dtype));
  running_var = buffer("running_var", ones(shape, options.dtype));
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  if (x.rank() != 4 || x.size(1) != weight.size(0)) {
    detail::fail("BatchNorm2d: input ", x.shape(), " should be [batch, ", weight.size(0),
                 ", height, width]");
  }
  if (!training()) {
    const Tensor scale = weight / sqrt(running_var + epsilon_);
    const Tensor shift = bias - running_mean * scale;
    const Shape channels{1, weight.size(0), 1, 1};
    return x * scale.reshape(channels) + shift.reshape(channels);
  }
  BatchNormResult result = batch_norm(x, weight, bias, epsilon_);
  const NoGrad no_grad;
  const auto count = static_cast<double>(x.elements() / x.size(1));
  running_mean.assign(running_mean * (1.0 - momentum_) + result.mean * momentum_);
  running_var.assign(running_var * (1.0 - momentum_) +
                     result.variance * (momentum_ * count / (count - 1.0)));
  return result.output;
}

std::string BatchNorm2d::describe() const {
  return detail::text("BatchNorm2d(", weight.size(0), ")");
}

}  // namespace mnemo::nn
