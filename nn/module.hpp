#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::nn {

/// A part of a model: parameters (trained), buffers (state that is not trained, such as running
/// statistics) and children, each under a name. A model of one's own registers them in its
/// constructor:
///
///     struct Net : nn::Module {
///       nn::Dense& hidden;
///       nn::Dense& out;
///       explicit Net(Rng& rng)
///           : hidden(child("hidden", nn::Dense(2, 16, rng))), out(child("out", nn::Dense(16, 1, rng))) {}
///       Tensor forward(const Tensor& x) override { return out(tanh(hidden(x))); }
///     };
///
/// Names are paths in the tree (`hidden/weight`), never positions or addresses. A module can be
/// moved; what it registered stays where it is. A copy of a layer shares its tensors, as a copy of a
/// Tensor does, and so ties weights; `clone()` has tensors of its own. What is reached on two ways, a
/// shared module or a shared tensor, has one name, that of the first.
class Module {
 public:
  Module() = default;
  Module(Module&&) = default;
  virtual ~Module() = default;

  /// The module's function. Throws Error for a module that takes something else than one tensor.
  virtual Tensor forward(const Tensor& x);
  Tensor operator()(const Tensor& x);

  /// What this module is, with its options: "Conv2d(1 -> 64, kernel 4, stride 2, padding 1)".
  virtual std::string describe() const { return "Module"; }

  /// What is trained, in the order of registration, own ones before those of children; frozen ones
  /// included.
  Variables parameters() const;
  /// The parameters that are not frozen: those that `grad` can be asked for.
  Variables trainable() const;
  /// What is kept but not trained.
  Variables buffers() const;
  /// Both: everything that must survive the process.
  Variables variables() const;

  /// Switches between training and evaluation for this module and all below it (batch normalisation
  /// and dropout differ between the two).
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Stops recording for the parameters of this module and all below it: they get no gradients, and
  /// optimizers leave them as they are. Running statistics still move in training mode; eval() holds
  /// those. Gradients still flow through to what comes before.
  void freeze() { set_frozen(true); }
  void unfreeze() { set_frozen(false); }

  /// A module of the same kind with copies of all tensors; what was tied stays tied. Layers and
  /// Sequential can be cloned, and give their own type: `Sequential b = a.clone()`. Throws Error for
  /// a module that cannot: make a second one then, and copy_from() the first.
  std::shared_ptr<Module> clone() const;
  /// Copies the values of all parameters and buffers of `other` into those of the same names here.
  /// Throws Error, and changes nothing, unless names, shapes and dtypes are the same.
  void copy_from(const Module& other) { copy_values(other.variables(), variables()); }
  /// The same for any named tensors, such as one part of two models:
  /// `copy_values(a.variables().select("encoder/*"), b.variables().select("encoder/*"))`.
  static void copy_values(const Variables& from, const Variables& to);

  /// The number of elements of all parameters.
  std::int64_t parameter_count() const { return parameters().elements(); }

  /// The child of that name; a path leads further down. Throws Error if there is none.
  Module& at(std::string_view path) const;

  /// A table: path, what it is, number of parameters; and the totals. With the shape of an input
  /// also the shape of what each module gives (the model runs once, in evaluation mode, on zeros).
  std::string summary() const;
  std::string summary(const Shape& input, DType dtype = DType::float32);

 protected:
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;

  /// Registers a tensor to be trained and returns its handle.
  Tensor parameter(std::string name, Tensor tensor);
  /// Registers a tensor that is kept but not trained and returns its handle.
  Tensor buffer(std::string name, Tensor tensor);
  /// Takes a module in as a child and returns it where it now lives.
  template <class M>
  M& child(std::string name, M module) {
    static_assert(std::is_base_of_v<Module, M>);
    return static_cast<M&>(adopt(std::move(name), std::make_shared<M>(std::move(module))));
  }
  /// The same for a module that is, or will be, a child elsewhere too.
  template <class M>
  M& child(std::string name, std::shared_ptr<M> module) {
    return static_cast<M&>(adopt(std::move(name), std::move(module)));
  }
  Module& adopt(std::string name, std::shared_ptr<Module> module);

  struct Child {
    std::string name;
    std::shared_ptr<Module> module;
  };
  const std::vector<Child>& children() const { return children_; }
  /// The own parameter or buffer of that name, undefined if there is none.
  Tensor own(std::string_view name) const;

  /// A copy that shares all tensors and children, where clone() begins.
  virtual std::shared_ptr<Module> shallow_copy() const;
  /// Fetches the handles to own tensors anew, with own(): clone() has replaced these.
  virtual void bind() {}

 private:
  enum class Which { parameters, buffers, both };
  struct Copies {
    std::unordered_map<const Module*, std::shared_ptr<Module>> modules;
    std::unordered_map<const Storage*, Tensor> tensors;
  };
  using Seen = std::unordered_set<const void*>;

  void expect_new_name(std::string_view name) const;
  void collect(Which which, const std::string& prefix, Variables& into, Seen& seen) const;
  Variables collected(Which which) const;
  void set_frozen(bool frozen);
  std::shared_ptr<Module> clone_into(Copies& copies) const;
  template <class Visit>
  void visit(const std::string& path, Seen& seen, const Visit& visitor) const;

  std::vector<Variable> parameters_;
  std::vector<Variable> buffers_;
  std::vector<Child> children_;
  bool training_ = true;
};

/// What layers derive from, so that they can be cloned: `class Dense : public Layer<Dense>`. A layer
/// holds no reference to its children (it finds them with at()), and bind() fetches its tensors.
template <class Derived, class Base = Module>
class Layer : public Base {
 public:
  using Base::Base;
  Layer() = default;
  explicit Layer(Base&& base) : Base(std::move(base)) {}
  Derived clone() const { return std::move(static_cast<Derived&>(*Module::clone())); }

 protected:
  std::shared_ptr<Module> shallow_copy() const override {
    static_assert(std::is_copy_assignable_v<Derived>, "a layer holds no references");
    return std::make_shared<Derived>(static_cast<const Derived&>(*this));
  }
};

}  // namespace mnemo::nn
