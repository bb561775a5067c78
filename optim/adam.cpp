#include "mnemo/optim/adam.hpp"

#include <cmath>
#include <limits>

namespace mnemo::optim {

Adam::Adam(const Variables& parameters, const AdamOptions& options)
    : Optimizer("Adam", parameters, options.learning_rate),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon) {
  expect_within("beta1", beta1_, 0.0, 1.0);
  expect_within("beta2", beta2_, 0.0, 1.0);
  expect_within("epsilon", epsilon_, 0.0, std::numeric_limits<double>::infinity());
  add_moment("exp_avg");
  add_moment("exp_avg_sq");
}

void Adam::prepare(double learning_rate, std::int64_t step) {
  const auto t = static_cast<double>(step);
  rate_ = learning_rate / (1.0 - std::pow(beta1_, t));
  root_inverse_ = 1.0 / std::sqrt(1.0 - std::pow(beta2_, t));
}

template <class T>
void Adam::descend(const Block<T>& block) const {
  const T beta1 = static_cast<T>(beta1_);
  const T beta2 = static_cast<T>(beta2_);
  const T rest1 = static_cast<T>(1.0 - beta1_);
  const T rest2 = static_cast<T>(1.0 - beta2_);
  const T epsilon = static_cast<T>(epsilon_);
  const T rate = static_cast<T>(rate_);
  const T root_inverse = static_cast<T>(root_inverse_);
  T* __restrict const p = block.parameter;
  const T* __restrict const g = block.gradient;
  T* __restrict const m = block.moments[0];
  T* __restrict const v = block.moments[1];
  for (std::int64_t i = 0; i < block.count; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    p[i] -= rate * m[i] / (std::sqrt(v[i]) * root_inverse + epsilon);
  }
}

}  // namespace mnemo::optim
