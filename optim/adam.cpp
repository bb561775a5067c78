#include "mnemo/optim/adam.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mnemo::optim {

Adam::Adam(const Variables& parameters, const AdamOptions& default_options,
           const std::vector<Group<AdamOptions>>& groups)
    : Adam("Adam", parameters, default_options, groups) {}

Adam::Adam(const char* kind, const Variables& parameters, const AdamOptions& default_options,
           const std::vector<Group<AdamOptions>>& groups)
    : OptimizerWith(kind, parameters, default_options, groups) {
  add_number("beta1", &AdamOptions::beta1, 0.0, 1.0);
  add_number("beta2", &AdamOptions::beta2, 0.0, 1.0);
  expect_within("epsilon", &AdamOptions::epsilon, 0.0, std::numeric_limits<double>::infinity());
  add_moment("exp_avg");
  add_moment("exp_avg_sq");
  add_moment("max_exp_avg_sq", [](const AdamOptions& o) { return o.amsgrad; });
  count_updates([](const AdamOptions&) { return true; });
}

template <class T>
void Adam::descend(Block<T> b) const {
  const AdamOptions& o = options(b.group);
  const auto t = static_cast<double>(b.step);
  const double decay1 = b.numbers[0], decay2 = b.numbers[1];
  const T beta1 = static_cast<T>(decay1);
  const T beta2 = static_cast<T>(decay2);
  const T rest1 = static_cast<T>(1.0 - decay1);
  const T rest2 = static_cast<T>(1.0 - decay2);
  const T epsilon = static_cast<T>(o.epsilon);
  const T rate = static_cast<T>(b.learning_rate / (1.0 - std::pow(decay1, t)));
  const T root_inverse = static_cast<T>(1.0 / std::sqrt(1.0 - std::pow(decay2, t)));
  T* __restrict const p = b.parameter;
  const T* __restrict const gradient = b.gradient;
  T* __restrict const m = b.moments[0];
  T* __restrict const v = b.moments[1];
  T* __restrict const most = b.moments[2];
  const auto run = [&](auto amsgrad) {
    for (std::int64_t i = 0; i < b.count; ++i) {
      const T g = b.sign * gradient[i] + b.coupled * p[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      T square = v[i];
      if constexpr (amsgrad) square = most[i] = std::max(most[i], square);
      p[i] = b.keep * p[i] - rate * m[i] / (std::sqrt(square) * root_inverse + epsilon);
    }
  };
  o.amsgrad ? run(std::true_type()) : run(std::false_type());
}

void Adam::update(const Block<float>& block) const { descend(block); }
void Adam::update(const Block<double>& block) const { descend(block); }

namespace {

AdamOptions decoupled(const AdamWOptions& o) {
  return {.learning_rate = o.learning_rate,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .epsilon = o.epsilon,
          .amsgrad = o.amsgrad,
          .weight_decay = o.weight_decay,
          .decoupled = true,
          .maximize = o.maximize,
          .frozen = o.frozen,
          .missing_gradient = o.missing_gradient};
}

std::vector<Group<AdamOptions>> decoupled(const std::vector<Group<AdamWOptions>>& groups) {
  std::vector<Group<AdamOptions>> result;
  result.reserve(groups.size());
  for (const auto& group : groups) {
    result.push_back({group.name, group.parameters, decoupled(group.options)});
  }
  return result;
}

}  // namespace

AdamW::AdamW(const Variables& parameters, const AdamWOptions& default_options,
             const std::vector<Group<AdamWOptions>>& groups)
    : Adam("AdamW", parameters, decoupled(default_options), decoupled(groups)) {}

}  // namespace mnemo::optim
