#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::optim {

/// What a step does about a parameter for which it is given no gradient.
enum class MissingGradient {
  error,  ///< throw Error that names it
  /// Leave it and its moments as they are, and say so in what `step` returns. Rules that depend on the
  /// number of updates then count those of each parameter by itself.
  skip,
};

/// Parameters with options of their own. What is in no group has the optimizer's options.
template <class Options>
struct Group {
  std::string name;                     ///< its learning rate is the state `learning_rate/<name>`
  std::vector<std::string> parameters;  ///< names, or patterns as Variables::select reads them
  Options options = {};                 ///< complete: nothing is taken from the optimizer's options
};

/// A run of elements of one parameter, as an update rule sees it.
template <class T>
struct Block {
  static constexpr std::size_t max_moments = 4;  ///< of one optimizer
  std::int64_t count;                            ///< of elements, at each of these pointers
  T* parameter;                                  ///< to be written
  const T* gradient;                             ///< as it was given, before sign and weight decay
  std::array<T*, max_moments> moments;  ///< in the order of `add_moment`; null where there is none
  ///@{
  /// What maximising and weight decay come to: with g = sign gradient + coupled p for the gradient, and
  /// keep p for the parameter, a rule need not know of them.
  T sign, coupled, keep;
  ///@}
  double learning_rate;   ///< of the group, at this step
  const double* numbers;  ///< likewise, in the order of `add_number`
  std::int64_t step;      ///< how many times this parameter has been updated, this one included
  std::size_t group;      ///< whose options hold; 0: those of the optimizer
};

/// What every optimizer has: named parameters, named state, and a step that goes by these names.
///
/// All state is there from the constructor on, as tensors: `step` (int64) counts the steps taken,
/// `learning_rate` (float64; `learning_rate/<group>` for each group) is read at each step, as are, of
/// Adam, `beta1` and `beta2`, without which its moments cannot be understood; and each
/// moment has the name of its parameter behind its own, `exp_avg/up1/weight`. Reading, editing, saving
/// or restoring any of them is the same act as for a weight, and takes effect at the next step.
///
/// Frozen parameters, those that require no gradient at the time of a step and those of a group that
/// is told so, stay as they are and keep their moments.
///
/// Rules that depend on the number of updates (Adam's corrections) go by `step`, that of the optimizer.
/// With `MissingGradient::skip` they also keep `skipped/<parameter>` (int64), the steps that left a
/// parameter out, and go by `step` less that: exactly as PyTorch, which has one counter for each
/// parameter. Choose it where parameters are frozen first and trained later.
///
/// Options that all optimizers share: `weight_decay` adds weight_decay p to the gradient, or, where
/// `decoupled`, multiplies p by 1 - learning_rate weight_decay before the update and leaves gradient
/// and moments alone (Loshchilov and Hutter 2019, as PyTorch's AdamW); `maximize` ascends.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// One update of all parameters that are not frozen. Gradients are found by the names of the
  /// parameters, in any order. Returns the names of the parameters that were left out, frozen or
  /// without a gradient.
  /// Throws Error, and changes nothing, where a parameter has no gradient (unless told to skip it),
  /// where a gradient belongs to no parameter, where shape or dtype differ, or where `learning_rate`,
  /// `step`, `skipped` or a beta has been set to something that cannot be one.
  std::vector<std::string> step(const Variables& gradients);

  /// The short way: one step with the gradients of `loss`, a tensor of one element.
  std::vector<std::string> minimize(const Tensor& loss);

  /// As the constructor was given them.
  const Variables& parameters() const { return parameters_; }
  /// The whole state; the tensors share their elements with the optimizer.
  const Variables& variables() const { return state_; }

  /// The learning rate of a group; by default of the parameters that are in none.
  double learning_rate(std::string_view group = "") const {
    return numbers_.front().values[group_of_name(group)].item();
  }
  /// Throws Error for a negative or non-finite rate.
  void set_learning_rate(double rate, std::string_view group = "");
  /// `learning_rate` and one `learning_rate/<group>` for each group.
  Variables learning_rates() const;

  /// The number of steps taken.
  std::int64_t steps() const { return *step_.data<std::int64_t>(); }
  /// Sets one state, such as "exp_avg/up1/weight", or all that match a pattern ("exp_avg/*"), back
  /// to what it is in a new optimizer: most are 0. Throws Error if there is none.
  void reset(const std::string& pattern);

 protected:
  /// What the base needs to know of a group; the first is that of the parameters in no group.
  struct GroupRules {
    ///@{
    /// As in Group, and as the options that all optimizers share.
    std::string name;
    std::vector<std::string> parameters;
    double learning_rate;
    double weight_decay;
    bool decoupled;
    bool maximize;
    bool frozen;
    MissingGradient missing_gradient;
    ///@}
  };

  /// `kind` names the optimizer in messages. Throws Error for no parameters, for one that is neither
  /// float32 nor float64, for one tensor under two names, for a pattern that matches no parameter, for
  /// a parameter in two groups, or for a bad learning rate or weight decay.
  Optimizer(const char* kind, const Variables& parameters, std::vector<GroupRules> groups);

  const char* kind() const { return kind_; }                  ///< its name in messages
  std::size_t group_count() const { return groups_.size(); }  ///< the group of all others included
  /// Throws Error naming the optimizer, the option and the group unless low <= value < high.
  void expect_within(const char* option, std::size_t group, double value, double low,
                     double high) const;
  /// Adds a number that every step reads, as `name` and `name/<group>` with the groups' values in
  /// `initial`; throws Error unless low <= value < high, here and in a step.
  void add_number(const char* name, const std::vector<double>& initial, double low, double high);
  /// Adds a moment as `name/<parameter>` for each parameter of the groups that want it, by group, with
  /// every element as `initial` says.
  void add_moment(const std::string& name, const std::vector<bool>& wanted,
                  const std::vector<double>& initial);
  /// Keeps `skipped/<parameter>` for the parameters of these groups, if they may be skipped.
  void count_updates(const std::vector<bool>& wanted);

  ///@{
  /// The update rule. Blocks of one step go to several threads at once.
  virtual void update(const Block<float>& block) const = 0;
  virtual void update(const Block<double>& block) const = 0;
  ///@}

 private:
  struct Job;
  struct Number {
    const char* name;
    double low, high;
    std::vector<Tensor> values;  // [group]
  };

  std::string of_group(std::size_t group) const;
  void divide_into_groups();
  std::size_t group_of_name(std::string_view name) const;
  bool is_frozen(std::size_t parameter) const;
  std::vector<Tensor> matched(const Variables& gradients) const;
  Tensor checked(std::size_t parameter, const Tensor& gradient) const;
  std::vector<std::vector<double>> numbers() const;
  std::vector<Job> jobs_for(const std::vector<Tensor>& gradients, std::int64_t step) const;
  std::int64_t updates(std::size_t parameter, std::int64_t step) const;
  template <class T>
  void run(const Job& job, const std::vector<double>& numbers, std::int64_t begin,
           std::int64_t end) const;

  const char* kind_;
  Variables parameters_;
  std::vector<GroupRules> groups_;
  std::vector<std::size_t> group_of_;  // [parameter]
  Variables state_;
  std::vector<double> initial_;  // [state], what reset() restores
  Tensor step_;
  std::vector<Number> numbers_;                 // the first is the learning rate
  std::vector<std::vector<Tensor>> moments_;    // [moment][parameter], undefined where not wanted
  std::vector<Tensor> skipped_;                 // [parameter], likewise
  std::unordered_set<const Storage*> written_;  // by a step; only asked for membership
};

/// An optimizer with options of type `Options`, one set for each group.
template <class Options>
class OptimizerWith : public Optimizer {
 protected:
  /// One set of options for the parameters in no group, and that of each group. Throws Error as
  /// Optimizer.
  OptimizerWith(const char* kind, const Variables& parameters, const Options& options,
                const std::vector<Group<Options>>& groups)
      : Optimizer(kind, parameters, rules(options, groups)), options_{options} {
    for (const Group<Options>& group : groups) options_.push_back(group.options);
  }

  /// Those of a group, as Block::group counts them.
  const Options& options(std::size_t group) const { return options_[group]; }

  using Optimizer::expect_within;
  /// The same for an option of all groups.
  void expect_within(const char* name, double Options::*option, double low, double high) const {
    for (std::size_t group = 0; group < options_.size(); ++group) {
      expect_within(name, group, options_[group].*option, low, high);
    }
  }

  using Optimizer::add_number;
  /// For all groups, as the option of that name says.
  void add_number(const char* name, double Options::*option, double low, double high) {
    add_number(name, ask<double>([&](const Options& options) { return options.*option; }), low,
               high);
  }

  using Optimizer::add_moment;
  /// For the groups of which `wanted(options)` is true.
  template <class Wanted>
  void add_moment(const std::string& name, const Wanted& wanted) {
    add_moment(name, ask<bool>(wanted), std::vector<double>(options_.size(), 0.0));
  }
  /// For all groups, filled with what the option `initial` says.
  void add_moment(const std::string& name, double Options::*initial) {
    add_moment(name, std::vector<bool>(options_.size(), true),
               ask<double>([&](const Options& options) { return options.*initial; }));
  }
  /// For all groups, filled with 0.
  void add_moment(const std::string& name) {
    add_moment(name, [](const Options&) { return true; });
  }

  using Optimizer::count_updates;
  /// For the groups of which `wanted(options)` is true.
  template <class Wanted>
  void count_updates(const Wanted& wanted) {
    count_updates(ask<bool>(wanted));
  }

 private:
  template <class Answer, class Question>
  std::vector<Answer> ask(const Question& question) const {
    std::vector<Answer> answers;
    for (const Options& options : options_) answers.push_back(question(options));
    return answers;
  }

  static std::vector<GroupRules> rules(const Options& options,
                                       const std::vector<Group<Options>>& groups) {
    const auto of = [](const std::string& name, const std::vector<std::string>& parameters,
                       const Options& o) {
      return GroupRules{name,        parameters, o.learning_rate, o.weight_decay,
                        o.decoupled, o.maximize, o.frozen,        o.missing_gradient};
    };
    std::vector<GroupRules> result{of("", {}, options)};
    for (const Group<Options>& group : groups) {
      result.push_back(of(group.name, group.parameters, group.options));
    }
    return result;
  }

  std::vector<Options> options_;  // [group]
};

}  // namespace mnemo::optim
