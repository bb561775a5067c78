#include "mnemo/optim/lion.hpp"

namespace mnemo::optim {

Lion::Lion(const Variables& parameters, const LionOptions& default_options,
           const std::vector<Group<LionOptions>>& groups)
    : OptimizerWith("Lion", parameters, default_options, groups) {
  expect_within("beta1", &LionOptions::beta1, 0.0, 1.0);
  expect_within("beta2", &LionOptions::beta2, 0.0, 1.0);
  add_moment("exp_avg");
}

template <class T>
void Lion::descend(Block<T> b) const {
  const LionOptions& o = options(b.group);
  const T beta1 = static_cast<T>(o.beta1);
  const T beta2 = static_cast<T>(o.beta2);
  const T rest1 = static_cast<T>(1.0 - o.beta1);
  const T rest2 = static_cast<T>(1.0 - o.beta2);
  const T rate = static_cast<T>(b.learning_rate);
  T* __restrict const p = b.parameter;
  const T* __restrict const gradient = b.gradient;
  T* __restrict const m = b.moments[0];
  for (std::int64_t i = 0; i < b.count; ++i) {
    const T g = b.sign * gradient[i] + b.coupled * p[i];
    const T along = beta1 * m[i] + rest1 * g;
    // Equal to sign(along), except that NaN must stay NaN.
    const T direction = along > T(0) ? T(1) : along < T(0) ? T(-1) : along;
    p[i] = b.keep * p[i] - rate * direction;
    m[i] = beta2 * m[i] + rest2 * g;
  }
}

void Lion::update(const Block<float>& block) const { descend(block); }
void Lion::update(const Block<double>& block) const { descend(block); }

}  // namespace mnemo::optim
