#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::optim {

/// A run of elements of one parameter, as an update rule sees it: the parameter, its gradient and
/// its moments in the order in which the optimizer added them.
template <class T>
struct Block {
  static constexpr std::size_t max_moments = 4;
  std::int64_t count;
  T* parameter;
  const T* gradient;
  std::array<T*, max_moments> moments;
};

/// What every optimizer has: named parameters, named state, and a step that goes by these names.
///
/// All state is there from the constructor on, as tensors: `step` (int64) counts the steps taken,
/// `learning_rate` (float64) is read at each step, and each moment has the name of its parameter
/// behind its own, `exp_avg/up1/weight`. Reading, editing, saving or restoring any of them is the
/// same act as for a weight, and takes effect at the next step.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// One update of all parameters. Gradients are found by the names of the parameters, in any order.
  /// Throws Error, and changes nothing, where a parameter has none, where one belongs to no
  /// parameter, where shape or dtype differ, or where the learning rate is negative or not finite.
  void step(const Variables& gradients);

  const Variables& parameters() const { return parameters_; }
  /// The whole state; the tensors share their elements with the optimizer.
  const Variables& variables() const { return state_; }

  double learning_rate() const { return learning_rate_.item(); }
  /// Throws Error for a negative or non-finite rate.
  void set_learning_rate(double rate);
  /// The number of steps taken.
  std::int64_t steps() const { return *step_.data<std::int64_t>(); }
  /// Sets one state, such as "exp_avg/up1/weight", or all that match a pattern ("exp_avg/*"), back
  /// to zero. Throws Error if there is none.
  void reset(const std::string& pattern);

 protected:
  /// `kind` names the optimizer in messages. Throws Error for no parameters, for one that requires no
  /// gradient, or for a bad learning rate.
  Optimizer(const char* kind, const Variables& parameters, double learning_rate);

  /// Adds one moment for each parameter, zero, as `name/<parameter>`.
  void add_moment(const std::string& name);
  /// Throws Error naming the optimizer and the option unless low <= value < high.
  void expect_within(const char* option, double value, double low, double high) const;

  /// Called at the start of a step, the number of which counts from 1: works out what is the same
  /// for all elements.
  virtual void prepare(double learning_rate, std::int64_t step) = 0;
  /// The update rule. Blocks of one step go to several threads at once.
  virtual void update(const Block<float>& block) const = 0;
  virtual void update(const Block<double>& block) const = 0;

 private:
  std::vector<Tensor> matched(const Variables& gradients) const;

  const char* kind_;
  Variables parameters_;
  Variables state_;
  Tensor step_;
  Tensor learning_rate_;
  std::vector<std::vector<Tensor>> moments_;  // [moment][parameter]
};

}  // namespace mnemo::optim
