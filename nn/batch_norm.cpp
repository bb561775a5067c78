#include "mnemo/nn/batch_norm.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"

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
  const Shape shape{channels};
  parameter("weight", ones(shape, options.dtype));
  parameter("bias", zeros(shape, options.dtype));
  buffer("running_mean", zeros(shape, options.dtype));
  buffer("running_var", ones(shape, options.dtype));
  BatchNorm::bind();
}

void BatchNorm::bind() {
  weight = own("weight");
  bias = own("bias");
  running_mean = own("running_mean");
  running_var = own("running_var");
}

Tensor BatchNorm::forward(const Tensor& x) {
  if (x.rank() < least_rank_ || x.rank() > most_rank_ || x.size(1) != weight.size(0)) {
    detail::fail(name_, ": input ", x.shape(), " should be [batch, ", weight.size(0), expected_);
  }
  if (!training()) {
    const Tensor scale = weight / sqrt(running_var + epsilon_);
    const Tensor shift = bias - running_mean * scale;
    Shape channels(x.rank(), 1);
    channels[1] = weight.size(0);
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

std::string BatchNorm::describe() const { return detail::text(name_, "(", weight.size(0), ")"); }

}  // namespace mnemo::nn
