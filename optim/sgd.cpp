#include "mnemo/optim/sgd.hpp"

#include "mnemo/core/detail/text.hpp"

namespace mnemo::optim {

Sgd::Sgd(const Variables& parameters, const SgdOptions& default_options,
         const std::vector<Group<SgdOptions>>& groups)
    : OptimizerWith("Sgd", parameters, default_options, groups) {
  expect_within("momentum", &SgdOptions::momentum, 0.0, 1.0);
  expect_within("dampening", &SgdOptions::dampening, 0.0, 1.0);
  for (std::size_t group = 0; group < group_count(); ++group) {
    const SgdOptions& o = options(group);
    if (o.nesterov && (o.momentum == 0.0 || o.dampening != 0.0)) {
      detail::fail("Sgd: nesterov needs momentum above 0 and dampening 0, got ", o.momentum,
                   " and ", o.dampening);
    }
  }
  add_moment("momentum_buffer", [](const SgdOptions& o) { return o.momentum > 0.0; });
  count_updates([](const SgdOptions& o) { return o.momentum > 0.0 && o.dampening > 0.0; });
}

template <class T>
void Sgd::descend(Block<T> b) const {
  const SgdOptions& o = options(b.group);
  const T rate = static_cast<T>(b.learning_rate);
  T* __restrict const p = b.parameter;
  const T* __restrict const gradient = b.gradient;
  T* __restrict const m = b.moments[0];
  if (!m) {
    for (std::int64_t i = 0; i < b.count; ++i) {
      const T g = b.sign * gradient[i] + b.coupled * p[i];
      p[i] = b.keep * p[i] - rate * g;
    }
    return;
  }
  const T momentum = static_cast<T>(o.momentum);
  const T rest = static_cast<T>(b.step == 1 ? 1.0 : 1.0 - o.dampening);
  const T own = o.nesterov ? T(1) : T(0);  // the step goes along own g + ahead m
  const T ahead = o.nesterov ? momentum : T(1);
  for (std::int64_t i = 0; i < b.count; ++i) {
    const T g = b.sign * gradient[i] + b.coupled * p[i];
    m[i] = momentum * m[i] + rest * g;
    p[i] = b.keep * p[i] - rate * (own * g + ahead * m[i]);
  }
}

void Sgd::update(const Block<float>& block) const { descend(block); }
void Sgd::update(const Block<double>& block) const { descend(block); }

}  // namespace mnemo::optim
