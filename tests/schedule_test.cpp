/// Schedules against rates that golden/record_schedules_torch.py recorded from PyTorch; their state,
/// groups, errors, and what lies beyond the end.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "from_ctest.hpp"
#include "mnemo/io/npz.hpp"
#include "mnemo/optim/schedule.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;
using optim::Curve;
using optim::ReduceOnPlateau;
using optim::Schedule;

namespace {

constexpr std::int64_t steps = 60;

/// An optimizer with the two groups of the recording, at rates 0.1 and 0.03.
struct TwoGroups {
  optim::Sgd optimizer{
      {{"a", zeros({1}).set_requires_grad()}, {"b", zeros({1}).set_requires_grad()}},
      {.learning_rate = 0.1},
      {{"slow", {"b"}, {.learning_rate = 0.03}}}};
  double rate(int group) const { return optimizer.learning_rate(group == 0 ? "" : "slow"); }
};

const Variables& recorded() {
  static const Variables file =
      io::read_npz(from_ctest("MNEMO_TESTS_DIR") + "/golden/schedules_torch.npz");
  return file;
}

void check_rates(const TwoGroups& groups, const std::string& name, std::int64_t step) {
  for (const int group : {0, 1}) {
    const double expected = recorded().at(name).at({step, group});
    INFO(name, ", step ", step, ", group ", group);
    CHECK(std::abs(groups.rate(group) - expected) <= 1e-14 + 1e-12 * expected);
  }
}

const std::map<std::string, Curve>& curves() {
  using namespace optim;
  static const std::map<std::string, Curve> all{
      {"constant", sequence({{constant(0.5), 7}, {constant()}})},
      {"step_decay", step_decay(9, 0.3)},
      {"multi_step", multi_step({30, 5, 41}, 0.5)},
      {"exponential", exponential(0.97)},
      {"polynomial", polynomial(40, 1.7)},
      {"cosine", cosine(steps, 1e-3)},
      {"cosine_restarts", cosine_restarts(11, 1, 2e-3)},
      {"cosine_restarts_growing", cosine_restarts(4, 3)},
      {"linear_warm_up", linear_warm_up(13, 0.1)},
      {"one_cycle", one_cycle(steps)},
      {"one_cycle_linear",
       one_cycle(50 + steps,
                 {.rising = 0.2, .start_divisor = 10.0, .final_divisor = 100.0, .linear = true})},
      {"function",
       [](double base, std::int64_t step) {
         return base / (1.0 + 0.1 * static_cast<double>(step));
       }},
      {"sequence", sequence({{linear_warm_up(10, 0.2), 10}, {exponential(0.9)}})},
      {"combined", combined({linear_warm_up(10, 0.2), step_decay(20, 0.5)})},
  };
  return all;
}

const std::map<std::string, optim::PlateauOptions>& plateaus() {
  static const std::map<std::string, optim::PlateauOptions> all{
      {"plateau", {.factor = 0.5, .patience = 2}},
      {"plateau_absolute",
       {.factor = 0.3,
        .patience = 1,
        .threshold = 0.05,
        .relative = false,
        .cooldown = 3,
        .minimum = 0.004}},
      {"plateau_maximum",
       {.factor = 0.7, .patience = 4, .threshold = 0.01, .lower_is_better = false}},
  };
  return all;
}

/// Like a checkpoint: the values of one object's state in another's.
void restore(const Variables& into, const Variables& from) {
  REQUIRE(into.size() == from.size());
  for (const Variable& variable : into) variable.tensor.assign(from.at(variable.name));
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("rates of PyTorch") {
  CHECK(recorded().size() == 1 + curves().size() + plateaus().size());
  for (const auto& [name, curve] : curves()) {
    TwoGroups groups;
    Schedule schedule(groups.optimizer, curve);
    for (std::int64_t step = 0; step < steps; ++step) {
      if (step > 0) schedule.step();
      check_rates(groups, name, step);
    }
  }
  for (const auto& [name, options] : plateaus()) {
    TwoGroups groups;
    ReduceOnPlateau plateau(groups.optimizer, options);
    int reductions = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      if (step > 0) reductions += plateau.step(recorded().at("metric").at({step})) ? 1 : 0;
      check_rates(groups, name, step);
    }
    CHECK(reductions >= 2);
  }
}

TEST_CASE("a schedule restored in new objects goes on with the same bits") {
  for (const auto& entry : curves()) {
    const auto& name = entry.first;
    const auto& curve = entry.second;
    CAPTURE(name);
    TwoGroups whole;
    Schedule unbroken(whole.optimizer, curve);
    TwoGroups first;
    Schedule before(first.optimizer, curve);
    for (int step = 0; step < 23; ++step) unbroken.step(), before.step();
    TwoGroups second;
    Schedule after(second.optimizer, curve);
    restore(second.optimizer.variables(), first.optimizer.variables());
    restore(after.variables(), before.variables());
    for (int step = 0; step < 23; ++step) {
      CHECK(whole.rate(0) == second.rate(0));
      CHECK(whole.rate(1) == second.rate(1));
      unbroken.step(), after.step();
    }
  }
  for (const auto& entry : plateaus()) {
    const auto& name = entry.first;
    const auto& options = entry.second;
    CAPTURE(name);
    TwoGroups whole;
    ReduceOnPlateau unbroken(whole.optimizer, options);
    TwoGroups first;
    ReduceOnPlateau before(first.optimizer, options);
    const auto metric = [](std::int64_t step) { return recorded().at("metric").at({step}); };
    for (int step = 0; step < 17; ++step) unbroken.step(metric(step)), before.step(metric(step));
    TwoGroups second;
    ReduceOnPlateau after(second.optimizer, options);
    restore(second.optimizer.variables(), first.optimizer.variables());
    restore(after.variables(), before.variables());
    for (int step = 17; step < 60; ++step) {
      CHECK(unbroken.step(metric(step)) == after.step(metric(step)));
      CHECK(whole.rate(0) == second.rate(0));
    }
  }
}

TEST_CASE("state is named tensors, and editing them is enough") {
  TwoGroups groups;
  Schedule schedule(groups.optimizer, optim::cosine(100));
  std::vector<std::string> names;
  for (const Variable& state : schedule.variables()) names.push_back(state.name);
  CHECK(names == std::vector<std::string>{"step", "base_learning_rate", "base_learning_rate/slow"});
  schedule.variables().at("step").fill(49);
  schedule.variables().at("base_learning_rate").fill(2.0);
  schedule.step();
  CHECK(std::abs(groups.rate(0) - 1.0) <= 1e-15);
  CHECK(std::abs(groups.rate(1) - 0.015) <= 1e-15);
  schedule.variables().at("step").fill(0);
  schedule.apply();
  CHECK(groups.rate(0) == 2.0);
}

TEST_CASE("beyond the end the rate stays") {
  using namespace optim;
  const std::int64_t far = std::int64_t{1} << 60;
  CHECK(cosine(10, 0.25)(1.0, 10) == 0.25);
  CHECK(cosine(10, 0.25)(1.0, 15) == 0.25);
  CHECK(polynomial(10, 2.0, 0.25)(1.0, far) == 0.25);
  CHECK(linear_warm_up(10)(0.7, far) == 0.7);
  CHECK(linear_warm_up(10)(0.7, 0) == 0.0);
  CHECK(one_cycle(10)(1.0, far) == 1.0 / 25.0 / 1e4);
  CHECK(step_decay(1, 0.5)(1.0, far) == 0.0);
  // A period begins with the base, also where the lengths of periods leave the range of an int64.
  CHECK(cosine_restarts(3, 2)(1.0, 3) == 1.0);
  CHECK(cosine_restarts(3, 2)(1.0, 9) == 1.0);
  CHECK(cosine_restarts(7)(1.0, 7'000'000'007) == 1.0);
  const double late = cosine_restarts(1, std::int64_t{1} << 40)(1.0, far + far);
  CHECK(late >= 0.0);
  CHECK(late <= 1.0);
}

TEST_CASE("a plateau chains with a schedule by its base rates") {
  TwoGroups groups;
  Schedule schedule(groups.optimizer, optim::linear_warm_up(10));
  ReduceOnPlateau plateau(schedule, {.factor = 0.5, .patience = 0});
  for (int step = 0; step < 5; ++step) schedule.step();
  CHECK(groups.rate(0) == 0.05);
  CHECK_FALSE(plateau.step(1.0));
  CHECK(plateau.step(1.0));
  CHECK(groups.rate(0) == 0.025);
  for (int step = 0; step < 10; ++step) schedule.step();
  CHECK(groups.rate(0) == 0.05);
  CHECK(groups.rate(1) == 0.015);
  CHECK(plateau.step(std::nan("")));  // no improvement
}

TEST_CASE("curves and rates that cannot be are refused") {
  using namespace optim;
  CHECK(error_of([] { step_decay(0); }) == "step_decay: 0 steps; at least 1 is needed");
  CHECK(error_of([] { cosine(-1); }) == "cosine: -1 steps; at least 1 is needed");
  CHECK_THROWS_AS(cosine(5, -1.0), Error);
  CHECK_THROWS_AS(polynomial(0), Error);
  CHECK_THROWS_AS(exponential(std::nan("")), Error);
  CHECK_THROWS_AS(cosine_restarts(5, 0), Error);
  CHECK_THROWS_AS(linear_warm_up(0), Error);
  CHECK_THROWS_AS(one_cycle(2), Error);
  CHECK_THROWS_AS(one_cycle(10, {.rising = 1.0}), Error);
  CHECK_THROWS_AS(sequence({}), Error);
  CHECK(error_of([] {
          sequence({{constant(), 0}, {constant()}});
        }) == "sequence: phase 0 of 2 has 0 steps; all but the last need at least 1");
  CHECK_THROWS_AS(sequence({{Curve(), 5}, {constant()}}), Error);
  CHECK_THROWS_AS(combined({Curve()}), Error);
  TwoGroups groups;
  CHECK(error_of([&] { Schedule(groups.optimizer, Curve()); }) ==
        "Schedule: the function is empty");
  Schedule falling(groups.optimizer, [](double base, std::int64_t step) {
    return base - 0.02 * static_cast<double>(step);
  });
  falling.step();
  const std::string message = error_of([&] { falling.step(); });
  CHECK(message.starts_with("Schedule: the curve gives -0.01"));
  CHECK(message.ends_with(" as learning_rate/slow of step 2; it must be finite and at least 0"));
  CHECK(falling.steps() == 1);  // nothing was changed
  CHECK(groups.rate(0) == 0.08);
  falling.variables().at("step").fill(-5);
  CHECK_THROWS_AS(falling.step(), Error);
  for (const PlateauOptions& options : std::vector<PlateauOptions>{{.factor = 1.0},
                                                                   {.patience = -1},
                                                                   {.threshold = -1.0},
                                                                   {.cooldown = -1},
                                                                   {.minimum = -1.0}}) {
    CHECK_THROWS_AS(ReduceOnPlateau(groups.optimizer, options), Error);
  }
}
