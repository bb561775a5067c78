#include "mnemo/nn/batch_norm.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"

namespace mnemo::nn {

BatchNorm::BatchNorm(const char* name, const char* expected, std::size_t least_rank,
                     std::size_t most_rank, std::int64_t channels, const BatchNormOptions& options)
    : name_(name),
      expected_(expected),
      least_rank_(least_rank),
      most_rank_(most_rank),
      epsilon_(options.epsilon),
      momentum_(options.momentum) {
  if (channels < 1) detail::fail(name_, ": ", channels, " channels; at least 1 is needed");
  if (!(epsilon_ >= 0.0) || !(momentum_ >= 0.0 && momentum_ <= 1.0)) {
    detail::fail(name_, ": epsilon ", epsilon_, " should be at least 0, momentum ", momentum_,
                 " in [0, 1]");
  }
  const Shape shape{channels};
  if (options.affine) {
    weight = parameter("weight", ones(shape, options.dtype));
    bias = parameter("bias", zeros(shape, options.dtype));
  }
  running_mean = buffer("running_mean", zeros(shape, options.dtype));
  running_var = buffer("running_var", ones(shape, options.dtype));
}

Tensor BatchNorm::forward(const Tensor& x) {
  const std::int64_t channels = running_mean.size(0);
  if (x.rank() < least_rank_ || x.rank() > most_rank_ || x.size(1) != channels) {
    detail::fail(name_, ": input ", x.shape(), " should be [batch, ", channels, expected_);
  }
  const Tensor factor = weight.defined() ? weight : ones_like(running_var);
  const Tensor summand = weight.defined() ? bias : zeros_like(running_mean);
  if (!training()) return batch_norm(x, factor, summand, running_mean, running_var, epsilon_);
  const BatchNormResult result = batch_norm(x, factor, summand, epsilon_);
  const NoGrad no_grad;
  const std::int64_t count = x.elements() / channels;
  const auto n = static_cast<double>(count);
  running_mean.assign(running_mean * (1.0 - momentum_) + result.mean * momentum_);
  running_var.assign(running_var * (1.0 - momentum_) +
                     result.variance * (momentum_ * n / (n - 1.0)));
  return result.output;
}

std::string BatchNorm::describe() const {
  return detail::text(name_, "(", running_mean.size(0), ")");
}

}  // namespace mnemo::nn
