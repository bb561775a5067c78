#include "mnemo/optim/adagrad.hpp"

#include <cmath>
#include <limits>

namespace mnemo::optim {

Adagrad::Adagrad(const Variables& parameters, const AdagradOptions& default_options,
                 const std::vector<Group<AdagradOptions>>& groups)
    : OptimizerWith("Adagrad", parameters, default_options, groups) {
  constexpr double unbounded = std::numeric_limits<double>::infinity();
  expect_within("learning_rate_decay", &AdagradOptions::learning_rate_decay, 0.0, unbounded);
  expect_within("initial_accumulator", &AdagradOptions::initial_accumulator, 0.0, unbounded);
  expect_within("epsilon", &AdagradOptions::epsilon, 0.0, unbounded);
  add_moment("sum", &AdagradOptions::initial_accumulator);
  count_updates([](const AdagradOptions& o) { return o.learning_rate_decay > 0.0; });
}

template <class T>
void Adagrad::descend(Block<T> b) const {
  const AdagradOptions& o = options(b.group);
  const T epsilon = static_cast<T>(o.epsilon);
  const double decay = 1.0 + static_cast<double>(b.step - 1) * o.learning_rate_decay;
  const T rate = static_cast<T>(b.learning_rate / decay);
  T* __restrict const p = b.parameter;
  const T* __restrict const gradient = b.gradient;
  T* __restrict const sum = b.moments[0];
  for (std::int64_t i = 0; i < b.count; ++i) {
    const T g = b.sign * gradient[i] + b.coupled * p[i];
    sum[i] += g * g;
    p[i] = b.keep * p[i] - rate * g / (std::sqrt(sum[i]) + epsilon);
  }
}

void Adagrad::update(const Block<float>& block) const { descend(block); }
void Adagrad::update(const Block<double>& block) const { descend(block); }

}  // namespace mnemo::optim
