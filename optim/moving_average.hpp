#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::optim {

/// How far back the average looks.
struct MovingAverageOptions {
  double decay = 0.999;  ///< in [0, 1)
  /// Averages over less at the beginning: the decay of update t, counted from 0, is at most
  /// (1 + t) / (10 + t), as TensorFlow's num_updates has it.
  bool warm_up = true;
};

/// An exponential moving average of parameters, a = decay a + (1 - decay) p, begun at the parameters as
/// they are. Sampling from the average of a generator gives better pictures than from its last step.
///
/// State: `step` (int64), the updates so far, and `average/<parameter>`. What is neither float32 nor
/// float64 among the parameters (a model's variables() will do as well) is copied, not averaged.
class ExponentialMovingAverage {
 public:
  /// Throws Error for no parameters or a decay out of its range.
  explicit ExponentialMovingAverage(const Variables& parameters,
                                    const MovingAverageOptions& options = {});

  /// To be called after each step of the optimizer.
  void update();

  std::int64_t steps() const { return *step_.data<std::int64_t>(); }  ///< the updates so far
  /// The averages under the names of the parameters.
  const Variables& averages() const { return averages_; }
  /// Writes the averages into another model's variables, by name. Throws Error, and changes nothing,
  /// if one is missing there, or is of another shape or dtype.
  void copy_to(const Variables& variables) const;

  /// Exchanges averages and parameters. Twice is as if nothing had been.
  void swap() const;

  /// While one of these lives, the parameters are the averages:
  ///
  ///     {
  ///       const auto averaged = average.applied();
  ///       picture = generator(noise);
  ///     }
  class Applied {
   public:
    Applied(const Applied&) = delete;
    Applied& operator=(const Applied&) = delete;
    ~Applied();

   private:
    friend class ExponentialMovingAverage;
    explicit Applied(const ExponentialMovingAverage& average);
    Variables parameters_;
    Variables averages_;
  };
  /// The same as an object: the exchange is undone where it ends.
  [[nodiscard]] Applied applied() const { return Applied(*this); }

  /// `step` and the averages, as above.
  Variables variables() const;

 private:
  double decay_;
  bool warm_up_;
  Variables parameters_;
  Variables averages_;
  Tensor step_;
};

}  // namespace mnemo::optim
