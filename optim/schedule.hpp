#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "mnemo/optim/optimizer.hpp"

/// Schedules of the learning rate. A curve says which rate follows from a base rate and the number of
/// steps taken; a Schedule keeps that number and the base rates as named tensors and writes the
/// optimizer's rates. A curve has no state, so a schedule goes on exactly where it was after a restart.
namespace mnemo::optim {

/// The learning rate of a group whose base rate is `base`, after `step` steps. A function of one's own
/// will do; it must depend on these two alone.
using Curve = std::function<double(double base, std::int64_t step)>;

/// factor base.
Curve constant(double factor = 1.0);
/// base factor^(step / every), the quotient rounded down.
Curve step_decay(std::int64_t every, double factor = 0.1);
/// base factor^n, n being how many of the milestones have been reached.
Curve multi_step(std::vector<std::int64_t> milestones, double factor = 0.1);
/// base factor^step.
Curve exponential(double factor);
/// (1 - step / steps)^power of the way from `minimum` to base; `minimum` from `steps` on.
Curve polynomial(std::int64_t steps, double power = 1.0, double minimum = 0.0);
/// minimum + (base - minimum) (1 + cos(pi step / steps)) / 2; `minimum` from `steps` on, where
/// PyTorch's rises again.
Curve cosine(std::int64_t steps, double minimum = 0.0);
/// The same, begun anew after `first` steps, then after growth first, growth² first, ... (Loshchilov
/// and Hutter 2017).
Curve cosine_restarts(std::int64_t first, std::int64_t growth = 1, double minimum = 0.0);
/// From start base in a straight line to base, which is reached after `steps`.
Curve linear_warm_up(std::int64_t steps, double start = 0.0);

/// The form of one_cycle; the defaults are PyTorch's.
struct OneCycleOptions {
  double rising = 0.3;          ///< part of the steps that the rate rises, in (0, 1)
  double start_divisor = 25.0;  ///< begins at base / start_divisor
  double final_divisor = 1e4;   ///< ends at base / start_divisor / final_divisor
  bool linear = false;          ///< in straight lines instead of half cosines
};
/// Up to base and down again in `steps` (Smith and Topin 2018), in two phases, where PyTorch puts them:
/// the peak is at step rising steps - 1, the end at steps - 1. Stays there afterwards. The momentum is
/// left alone.
Curve one_cycle(std::int64_t steps, const OneCycleOptions& options = {});

/// A curve for so many steps; 0 for all that follow.
struct Phase {
  Curve curve;             ///< counts from the beginning of its phase
  std::int64_t steps = 0;  ///< how long it holds
};
/// One curve after another, each counting from its own beginning:
/// `sequence({{linear_warm_up(500), 500}, {cosine(9500)}})`. The last goes on for ever.
Curve sequence(std::vector<Phase> phases);
/// All at once: the rate of one is the base of the next.
Curve combined(std::vector<Curve> curves);

/// Writes the learning rates of an optimizer, those of all groups, each from its own base rate.
///
/// State: `step` (int64), the steps counted; `base_learning_rate` and `base_learning_rate/<group>`
/// (float64), the optimizer's rates when the schedule was made. So it is made before a checkpoint is
/// loaded. Copies share the state.
class Schedule {
 public:
  /// Writes the rates of step 0. Throws Error for an empty function.
  Schedule(const Optimizer& optimizer, Curve curve);

  /// To be called after each step of the optimizer: counts, and writes the rates of the next one.
  /// Throws Error, and changes nothing, if the curve gives a negative or non-finite rate.
  void step();
  /// Writes the rates again, after `step` or a base rate has been set.
  void apply() const;

  std::int64_t steps() const { return *step_.data<std::int64_t>(); }  ///< the steps counted
  /// Handles: writing one changes what the curve starts from.
  Variables base_learning_rates() const { return bases_; }
  /// `step` and the base rates, as above.
  Variables variables() const;

 private:
  void write(std::int64_t step) const;

  Curve curve_;
  Tensor step_;
  Variables bases_;  // in the order of rates_
  Variables rates_;  // the optimizer's own
};

/// When ReduceOnPlateau reduces, and by how much; the defaults are PyTorch's.
struct PlateauOptions {
  double factor = 0.1;          ///< what the rate is multiplied by, in (0, 1)
  std::int64_t patience = 10;   ///< how many calls without improvement are put up with
  double threshold = 1e-4;      ///< an improvement by less than that counts as none
  bool relative = true;         ///< the threshold is a part of the best metric
  bool lower_is_better = true;  ///< a loss; false for an accuracy
  std::int64_t cooldown = 0;    ///< calls after a reduction in which nothing is counted
  double minimum = 0.0;         ///< no rate goes below this
};

/// Reduces the learning rates when a metric has stopped to improve, as PyTorch's ReduceLROnPlateau,
/// which however leaves out reductions below 1e-8. A metric that is NaN is no improvement.
///
/// State: `best` (float64; before the first call the largest or lowest finite number),
/// `num_bad_epochs` and `cooldown_counter` (int64).
class ReduceOnPlateau {
 public:
  /// Acts on the rates of all groups. Throws Error for an option out of its range.
  explicit ReduceOnPlateau(const Optimizer& optimizer, const PlateauOptions& options = {});
  /// Acts on the base rates of a schedule, and so chains with it.
  explicit ReduceOnPlateau(const Schedule& schedule, const PlateauOptions& options = {});

  /// Takes in a metric, and returns whether the rates were reduced.
  bool step(double metric);

  /// `best`, `num_bad_epochs` and `cooldown_counter`, as above.
  Variables variables() const;

 private:
  ReduceOnPlateau(Variables rates, const PlateauOptions& options);
  bool improves(double metric) const;
  bool reduce() const;

  PlateauOptions options_;
  Variables rates_;
  std::optional<Schedule> schedule_;
  Tensor best_;
  Tensor bad_;
  Tensor cooldown_;
};

}  // namespace mnemo::optim
