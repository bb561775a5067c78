// The curves of schedule.hpp.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/optim/schedule.hpp"

namespace mnemo::optim {
namespace {

using detail::fail;

void expect_steps(const char* curve, std::int64_t steps) {
  if (steps < 1) fail(curve, ": ", steps, " steps; at least 1 is needed");
}

void expect_at_least_0(const char* curve, const char* option, double value) {
  if (value >= 0.0 && std::isfinite(value)) return;
  fail(curve, ": ", option, " ", value, " is not a finite number of at least 0");
}

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

double part(std::int64_t step, std::int64_t steps) {
  return static_cast<double>(step) / static_cast<double>(steps);
}

// From `from` to `to` along half a cosine as `way` goes from 0 to 1.
double along_cosine(double from, double to, double way) {
  return to + (from - to) * (1.0 + std::cos(std::numbers::pi * way)) / 2.0;
}

}  // namespace

Curve constant(double factor) {
  expect_at_least_0("constant", "factor", factor);
  return [=](double base, std::int64_t) { return base * factor; };
}

Curve step_decay(std::int64_t every, double factor) {
  expect_steps("step_decay", every);
  expect_at_least_0("step_decay", "factor", factor);
  return [=](double base, std::int64_t step) {
    const std::int64_t stairs = step / every;
    return base * std::pow(factor, static_cast<double>(stairs));
  };
}

Curve multi_step(std::vector<std::int64_t> milestones, double factor) {
  expect_at_least_0("multi_step", "factor", factor);
  std::sort(milestones.begin(), milestones.end());
  return [milestones = std::move(milestones), factor](double base, std::int64_t step) {
    const auto reached = std::upper_bound(milestones.begin(), milestones.end(), step);
    return base * std::pow(factor, static_cast<double>(reached - milestones.begin()));
  };
}

Curve exponential(double factor) {
  expect_at_least_0("exponential", "factor", factor);
  return [=](double base, std::int64_t step) {
    return base * std::pow(factor, static_cast<double>(step));
  };
}

Curve polynomial(std::int64_t steps, double power, double minimum) {
  expect_steps("polynomial", steps);
  expect_at_least_0("polynomial", "power", power);
  expect_at_least_0("polynomial", "minimum", minimum);
  return [=](double base, std::int64_t step) {
    if (step >= steps) return minimum;
    return minimum + (base - minimum) * std::pow(1.0 - part(step, steps), power);
  };
}

Curve cosine(std::int64_t steps, double minimum) {
  expect_steps("cosine", steps);
  expect_at_least_0("cosine", "minimum", minimum);
  return [=](double base, std::int64_t step) {
    return step >= steps ? minimum : along_cosine(base, minimum, part(step, steps));
  };
}

Curve cosine_restarts(std::int64_t first, std::int64_t growth, double minimum) {
  expect_steps("cosine_restarts", first);
  if (growth < 1) fail("cosine_restarts: growth ", growth, " is not at least 1");
  expect_at_least_0("cosine_restarts", "minimum", minimum);
  return [=](double base, std::int64_t step) {
    std::int64_t length = first;
    if (growth == 1) step %= length;
    while (step >= length) {
      step -= length;
      if (__builtin_mul_overflow(length, growth, &length)) length = most;
    }
    return along_cosine(base, minimum, part(step, length));
  };
}

Curve linear_warm_up(std::int64_t steps, double start) {
  expect_steps("linear_warm_up", steps);
  expect_at_least_0("linear_warm_up", "start", start);
  return [=](double base, std::int64_t step) {
    return step >= steps ? base : base * (start + (1.0 - start) * part(step, steps));
  };
}

Curve one_cycle(std::int64_t steps, const OneCycleOptions& options) {
  const double last = static_cast<double>(steps) - 1.0;
  const double peak = options.rising * static_cast<double>(steps) - 1.0;
  if (!(options.rising > 0.0 && peak > 0.0 && peak < last)) {
    fail("one_cycle: of ", steps, " steps the part ", options.rising,
         " cannot rise; there must be a step before the peak and one after it");
  }
  if (!(options.start_divisor > 0.0 && options.final_divisor > 0.0)) {
    fail("one_cycle: the divisors must be above 0, got ", options.start_divisor, " and ",
         options.final_divisor);
  }
  return [=](double base, std::int64_t step) {
    const double start = base / options.start_divisor;
    const double end = start / options.final_divisor;
    const auto t = static_cast<double>(step);
    const auto go = [&](double from, double to, double way) {
      return options.linear ? from + (to - from) * way : along_cosine(from, to, way);
    };
    if (t >= last) return end;
    return t <= peak ? go(start, base, t / peak) : go(base, end, (t - peak) / (last - peak));
  };
}

Curve sequence(std::vector<Phase> phases) {
  if (phases.empty()) fail("sequence: there are no phases");
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (!phases[i].curve) fail("sequence: the function of phase ", i, " is empty");
    if (i + 1 < phases.size() && phases[i].steps < 1) {
      fail("sequence: phase ", i, " of ", phases.size(), " has ", phases[i].steps,
           " steps; all but the last need at least 1");
    }
  }
  return [phases = std::move(phases)](double base, std::int64_t step) {
    std::size_t i = 0;
    for (; i + 1 < phases.size() && step >= phases[i].steps; ++i) step -= phases[i].steps;
    return phases[i].curve(base, step);
  };
}

Curve combined(std::vector<Curve> curves) {
  for (const Curve& curve : curves) {
    if (!curve) fail("combined: a function is empty");
  }
  return [curves = std::move(curves)](double base, std::int64_t step) {
    for (const Curve& curve : curves) base = curve(base, step);
    return base;
  };
}

}  // namespace mnemo::optim
