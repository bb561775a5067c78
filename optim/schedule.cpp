#include "mnemo/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::optim {
namespace {

using detail::fail;

void expect_rate(const Variable& rate, double value, std::int64_t step) {
  if (value >= 0.0 && std::isfinite(value)) return;
  fail("Schedule: the curve gives ", value, " as ", rate.name, " of step ", step,
       "; it must be finite and at least 0");
}

}  // namespace

Schedule::Schedule(const Optimizer& optimizer, Curve curve)
    : curve_(std::move(curve)), step_(zeros({}, DType::int64)), rates_(optimizer.learning_rates()) {
  if (!curve_) fail("Schedule: the function is empty");
  for (const Variable& rate : rates_) bases_.add("base_" + rate.name, rate.tensor.clone());
  write(0);
}

void Schedule::step() {
  write(steps() + 1);
  *step_.mutable_data<std::int64_t>() = steps() + 1;
}

void Schedule::apply() const { write(steps()); }

void Schedule::write(std::int64_t step) const {
  if (step < 0) fail("Schedule: 'step' is ", step, ", which cannot be a number of steps");
  std::vector<double> values;
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    values.push_back(curve_(bases_[i].tensor.item(), step));
    expect_rate(rates_[i], values.back(), step);
  }
  for (std::size_t i = 0; i < rates_.size(); ++i) rates_[i].tensor.fill(values[i]);
}

Variables Schedule::variables() const {
  Variables state{{"step", step_}};
  for (const Variable& base : bases_) state.add(base.name, base.tensor);
  return state;
}

ReduceOnPlateau::ReduceOnPlateau(Variables rates, const PlateauOptions& options)
    : options_(options),
      rates_(std::move(rates)),
      best_(scalar(options.lower_is_better ? std::numeric_limits<double>::max()
                                           : std::numeric_limits<double>::lowest(),
                   DType::float64)),
      bad_(zeros({}, DType::int64)),
      cooldown_(zeros({}, DType::int64)) {
  const auto expect = [](bool right, const char* option, auto value, const char* range) {
    if (!right) fail("ReduceOnPlateau: ", option, " ", value, " is not ", range);
  };
  expect(options.factor > 0.0 && options.factor < 1.0, "factor", options.factor, "in (0, 1)");
  expect(options.patience >= 0, "patience", options.patience, "at least 0");
  expect(options.cooldown >= 0, "cooldown", options.cooldown, "at least 0");
  expect(options.threshold >= 0.0, "threshold", options.threshold, "at least 0");
  expect(options.minimum >= 0.0, "minimum", options.minimum, "at least 0");
}

ReduceOnPlateau::ReduceOnPlateau(const Optimizer& optimizer, const PlateauOptions& options)
    : ReduceOnPlateau(optimizer.learning_rates(), options) {}

ReduceOnPlateau::ReduceOnPlateau(const Schedule& schedule, const PlateauOptions& options)
    : ReduceOnPlateau(schedule.base_learning_rates(), options) {
  schedule_ = schedule;
}

bool ReduceOnPlateau::improves(double metric) const {
  const double sign = options_.lower_is_better ? -1.0 : 1.0;
  const double best = best_.item();
  const double bar = options_.relative ? best * (1.0 + sign * options_.threshold)
                                       : best + sign * options_.threshold;
  return options_.lower_is_better ? metric < bar : metric > bar;
}

bool ReduceOnPlateau::step(double metric) {
  std::int64_t& bad = *bad_.mutable_data<std::int64_t>();
  std::int64_t& cooldown = *cooldown_.mutable_data<std::int64_t>();
  if (improves(metric)) {
    best_.fill(metric);
    bad = 0;
  } else {
    ++bad;
  }
  if (cooldown > 0) {
    --cooldown;
    bad = 0;
  }
  if (bad <= options_.patience) return false;
  cooldown = options_.cooldown;
  bad = 0;
  return reduce();
}

bool ReduceOnPlateau::reduce() const {
  bool reduced = false;
  for (const Variable& rate : rates_) {
    const double before = rate.tensor.item();
    const double after = std::max(before * options_.factor, options_.minimum);
    if (!(after < before)) continue;
    rate.tensor.fill(after);
    reduced = true;
  }
  if (reduced && schedule_) schedule_->apply();
  return reduced;
}

Variables ReduceOnPlateau::variables() const {
  return {{"best", best_}, {"num_bad_epochs", bad_}, {"cooldown_counter", cooldown_}};
}

}  // namespace mnemo::optim
