#include "mnemo/nn/dense.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/nn/detail/initial_values.hpp"

namespace mnemo::nn {

Dense::Dense(std::int64_t in, std::int64_t out, Rng& rng, const DenseOptions& options) {
  if (in < 1 || out < 1) detail::fail("Dense: ", in, " -> ", out, "; both must be at least 1");
  const Shape shape{out, in};
  weight = parameter("weight",
                     detail::initial_weight(options.weight_initializer, shape, rng, options.dtype));
  if (options.bias) bias = parameter("bias", detail::initial_bias(out, shape, rng, options.dtype));
}

Tensor Dense::forward(const Tensor& x) { return linear(x, weight, bias); }

std::string Dense::describe() const {
  return detail::text("Dense(", weight.size(1), " -> ", weight.size(0),
                      bias.defined() ? ")" : ", no bias)");
}

}  // namespace mnemo::nn
