#include "mnemo/optim/sgd.hpp"

namespace mnemo::optim {

Sgd::Sgd(const Variables& parameters, const SgdOptions& options)
    : Optimizer("Sgd", parameters, options.learning_rate), momentum_(options.momentum) {
  expect_within("momentum", momentum_, 0.0, 1.0);
  if (momentum_ > 0.0) add_moment("momentum_buffer");
}

void Sgd::prepare(double learning_rate, std::int64_t) { rate_ = learning_rate; }

template <class T>
void Sgd::descend(const Block<T>& block) const {
  const T rate = static_cast<T>(rate_);
  const T momentum = static_cast<T>(momentum_);
  T* __restrict const p = block.parameter;
  const T* __restrict const g = block.gradient;
  T* __restrict const m = block.moments[0];
  if (!m) {
    for (std::int64_t i = 0; i < block.count; ++i) p[i] -= rate * g[i];
    return;
  }
  for (std::int64_t i = 0; i < block.count; ++i) {
    m[i] = momentum * m[i] + g[i];
    p[i] -= rate * m[i];
  }
}

}  // namespace mnemo::optim
