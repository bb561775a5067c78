#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>

#include "mnemo/core/variables.hpp"

namespace mnemo {

/// What has state: models, optimizers, schedules, averages, generators, batch iterators.
template <class Object>
concept Stateful = requires(const Object& object) {
  { object.variables() } -> std::convertible_to<Variables>;
};

/// The whole state of a training run as one list of named tensors, to be saved, loaded and printed:
///
///     TrainingState state{{"generator", generator}, {"generator_optimizer", optimizer},
///                         {"random", rng}, {"data", batches}};
///     const Tensor epoch = state.counter("epoch");
///     if (resume) io::load(path, state);
///
/// It holds the tensors, not the objects; these may be moved or copied, as far as they can be, and the
/// state stays the same.
class TrainingState {
 public:
  /// An object with state, or a list of variables, and the name to have it under.
  struct Part {
    ///@{
    /// `{"generator", generator}`.
    template <Stateful Object>
    Part(std::string name_, const Object& object)
        : name(std::move(name_)), variables(object.variables()) {}
    Part(std::string name_, Variables variables_)
        : name(std::move(name_)), variables(std::move(variables_)) {}
    ///@}
    std::string name;     ///< what stands before the '/' in each name
    Variables variables;  ///< handles to the object's tensors
  };

  TrainingState() = default;
  /// The parts in this order. Throws Error as `add`.
  TrainingState(std::initializer_list<Part> parts);

  ///@{
  /// Adds the variables of an object, as `name/<variable>`. Throws Error, and adds nothing, if a name
  /// is taken, or if a tensor is here already under another name, which would have it saved twice and
  /// loaded in one of two versions.
  void add(const Part& part);
  template <class Object>
  void add(std::string name, const Object& object) {
    add(Part(std::move(name), object));
  }
  ///@}
  /// Adds a single tensor. Throws Error likewise.
  void add(std::string name, const Tensor& tensor);

  /// Adds an int64 tensor of rank 0 and returns it: what the program itself counts.
  Tensor counter(std::string name, std::int64_t initial = 0);

  ///@{
  /// All of it, in the order of adding: what io::save and io::load take.
  const Variables& variables() const { return variables_; }
  operator const Variables&() const { return variables_; }
  ///@}

 private:
  void expect_new(const std::string& name, const Tensor& tensor) const;

  Variables variables_;
};

/// A table: name, shape, dtype, bytes, and the total.
std::ostream& operator<<(std::ostream& out, const TrainingState& state);

}  // namespace mnemo
