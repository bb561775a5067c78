#include "mnemo/optim/rmsprop.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mnemo::optim {

RmsProp::RmsProp(const Variables& parameters, const RmsPropOptions& default_options,
                 const std::vector<Group<RmsPropOptions>>& groups)
    : OptimizerWith("RmsProp", parameters, default_options, groups) {
  expect_within("alpha", &RmsPropOptions::alpha, 0.0, 1.0);
  expect_within("epsilon", &RmsPropOptions::epsilon, 0.0, std::numeric_limits<double>::infinity());
  expect_within("momentum", &RmsPropOptions::momentum, 0.0, 1.0);
  add_moment("square_avg");
  add_moment("grad_avg", [](const RmsPropOptions& o) { return o.centered; });
  add_moment("momentum_buffer", [](const RmsPropOptions& o) { return o.momentum > 0.0; });
}

template <class T>
void RmsProp::descend(Block<T> b) const {
  const RmsPropOptions& o = options(b.group);
  const T alpha = static_cast<T>(o.alpha);
  const T rest = static_cast<T>(1.0 - o.alpha);
  const T epsilon = static_cast<T>(o.epsilon);
  const T momentum = static_cast<T>(o.momentum);
  const T rate = static_cast<T>(b.learning_rate);
  T* __restrict const p = b.parameter;
  const T* __restrict const gradient = b.gradient;
  T* __restrict const v = b.moments[0];
  T* __restrict const average = b.moments[1];
  T* __restrict const m = b.moments[2];
  // One loop for each of the four kinds, so that none decides anything for an element.
  const auto run = [&](auto centered, auto with_momentum) {
    for (std::int64_t i = 0; i < b.count; ++i) {
      const T g = b.sign * gradient[i] + b.coupled * p[i];
      v[i] = alpha * v[i] + rest * g * g;
      T square = v[i];
      if constexpr (centered) {
        average[i] = alpha * average[i] + rest * g;
        square = std::max(T(0), square - average[i] * average[i]);
      }
      T along = g / (std::sqrt(square) + epsilon);
      if constexpr (with_momentum) along = m[i] = momentum * m[i] + along;
      p[i] = b.keep * p[i] - rate * along;
    }
  };
  constexpr std::true_type yes;
  constexpr std::false_type no;
  if (o.centered) {
    m ? run(yes, yes) : run(yes, no);
  } else {
    m ? run(no, yes) : run(no, no);
  }
}

void RmsProp::update(const Block<float>& block) const { descend(block); }
void RmsProp::update(const Block<double>& block) const { descend(block); }

}  // namespace mnemo::optim
