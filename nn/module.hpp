#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::nn {

/// A member of a module that holds one of its registered tensors: in a clone it holds the clone's.
class Parameter : public Tensor {
 public:
  Parameter() = default;
  /// Holds the tensor's handle, so that `scale(parameter("scale", ones({1})))` initialises a
  /// member.
  Parameter(Tensor tensor) : Tensor(std::move(tensor)) {}  // NOLINT: implicit on purpose
  ///@{
  /// Copies the handle; while the module is cloned, takes the clone's tensor.
  Parameter(const Parameter& other);
  Parameter(Parameter&&) = default;
  Parameter& operator=(const Parameter&) = default;
  Parameter& operator=(Parameter&&) = default;
  ///@}
};
/// The same for a tensor that is not trained.
using Buffer = Parameter;

template <class M>
class Child;

/// A part of a model: parameters (trained), buffers (state that is not trained, such as running
/// statistics) and children, each under a name. A model or a layer of one's own derives from Layer and
/// registers them in its constructor:
///
///     struct Net : nn::Layer<Net> {
///       nn::Child<nn::Dense> hidden, out;
///       nn::Parameter scale;
///       explicit Net(Rng& rng)
///           : hidden(child("hidden", nn::Dense(2, 16, rng))),
///             out(child("out", nn::Dense(16, 1, rng))),
///             scale(parameter("scale", ones({1}))) {}
///       Tensor forward(const Tensor& x) override { return out(tanh(hidden(x))) * scale; }
///     };
///
/// Names are paths in the tree (`hidden/weight`), never positions or addresses. A module can be
/// moved; what it registered stays where it is. A copy of a layer shares its tensors, as a copy of a
/// Tensor does, and so ties weights; `clone()` has tensors of its own. What is reached on two ways, a
/// shared module or a shared tensor, has one name, that of the first.
class Module {
 public:
  Module() = default;
  /// Children, parameters and buffers move along, and keep their places in memory.
  Module(Module&&) = default;
  virtual ~Module() = default;

  /// The module's function. Throws Error for a module that takes something else than one tensor.
  virtual Tensor forward(const Tensor& x);
  /// Runs forward, and puts this module's path and description before the message of an Error.
  Tensor operator()(const Tensor& x);

  /// What this module is, with its options: "Conv2d(1 -> 64, kernel 4, stride 2, padding 1)". By
  /// default the name of its type.
  virtual std::string describe() const;

  /// What is trained, in the order of registration, own ones before those of children; frozen ones
  /// included.
  Variables parameters() const;
  /// The parameters that are not frozen: those that `grad` can be asked for.
  Variables trainable() const;
  /// What is kept but not trained.
  Variables buffers() const;
  /// Both: everything that must survive the process.
  Variables variables() const;

  ///@{
  /// Switches between training and evaluation for this module and all below it (batch normalisation
  /// and dropout differ between the two), and tells which it is. New modules train.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }
  ///@}

  /// Stops recording for the parameters of this module and all below it: they get no gradients, and
  /// optimizers leave them as they are. Running statistics still move in training mode; eval() holds
  /// those. Gradients still flow through to what comes before.
  void freeze() { set_frozen(true); }
  /// Undoes freeze().
  void unfreeze() { set_frozen(false); }

  /// A module of the same kind with copies of all tensors; what was tied stays tied. What derives
  /// from Layer gives its own type: `Net b = a.clone()`. Throws Error for a module that does not,
  /// and for one whose copy would share a tensor or a child, since what holds it is neither
  /// Parameter, Buffer nor Child.
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

  ///@{
  /// A table: path, what it is, number of parameters; and the totals. With the shape of an input
  /// also the shape of what each module gives (the model runs once, in evaluation mode, on zeros).
  std::string summary() const;
  std::string summary(const Shape& input, DType dtype = DType::float32);
  ///@}

 protected:
  ///@{
  /// For the types that derive from it: a copy shares tensors and children.
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;
  ///@}

  /// Registers a tensor to be trained and returns its handle.
  Parameter parameter(std::string name, Tensor tensor);
  /// Registers a tensor that is kept but not trained and returns its handle.
  Buffer buffer(std::string name, Tensor tensor);
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
  /// What `child` does, for a module whose type is not known. Throws Error for a null pointer, and
  /// where the name is taken or is none.
  Module& adopt(std::string name, std::shared_ptr<Module> module);

  /// A child and its name.
  struct NamedModule {
    std::string name;                ///< one part of a path
    std::shared_ptr<Module> module;  ///< never null
  };
  /// In the order of registration.
  const std::vector<NamedModule>& children() const { return children_; }

  /// What the copy constructor of the module's type makes; Layer has it.
  virtual std::unique_ptr<Module> copied() const;

 private:
  enum class Which { parameters, buffers, both };
  using Seen = std::unordered_set<const void*>;

  void expect_new_name(std::string_view name) const;
  void collect(Which which, const std::string& prefix, Variables& into, Seen& seen) const;
  Variables collected(Which which) const;
  void set_frozen(bool frozen);
  /// How many handles lead to each own parameter, buffer and child.
  std::vector<std::pair<std::string, long>> handles() const;
  struct Copies;  // what stands in a clone for the modules and tensors of the original
  std::shared_ptr<Module> clone_into(Copies& copies) const;
  /// While a module is copied by clone(), what its copy has in place of a tensor or a child of the
  /// original; otherwise, and for all else, the same.
  static Tensor counterpart(const Tensor& original);
  static Module* counterpart(Module* original);
  friend class Parameter;
  template <class M>
  friend class Child;
  template <class Visit>
  void visit(const std::string& path, Seen& seen, const Visit& visitor) const;

  std::vector<Variable> parameters_;
  std::vector<Variable> buffers_;
  std::vector<NamedModule> children_;
  bool training_ = true;
};

/// What a Parameter is for a tensor, for a child: `hidden(x)` calls it, `hidden->weight` is a member of
/// it.
template <class M>
class Child {
 public:
  ///@{
  /// Leads to what child() returned; while the module is cloned, to the clone's child.
  Child(M& module) : module_(&module) {}  // NOLINT: implicit on purpose
  Child(const Child& other) : module_(static_cast<M*>(Module::counterpart(other.module_))) {}
  Child& operator=(const Child&) = default;
  ///@}
  ///@{
  /// The child itself, as a member.
  M* operator->() const { return module_; }
  M& operator*() const { return *module_; }
  operator M&() const { return *module_; }  // NOLINT: implicit on purpose
  ///@}
  /// Runs it.
  Tensor operator()(const Tensor& x) const { return (*module_)(x); }

 private:
  M* module_;
};

/// What models and layers derive from, so that they can be cloned: `struct Net : nn::Layer<Net>`,
/// or `nn::Layer<Net, Base>` to go on from another layer.
template <class Derived, class Base = Module>
class Layer : public Base {
 public:
  using Base::Base;
  Layer() = default;
  /// From a finished layer of the base type, which becomes part of this one.
  explicit Layer(Base&& base) : Base(std::move(base)) {}
  /// Module::clone(), as the type that it is.
  Derived clone() const { return std::move(static_cast<Derived&>(*Module::clone())); }

 protected:
  /// A copy of this one, for clone().
  std::unique_ptr<Module> copied() const override {
    static_assert(
        std::is_copy_assignable_v<Derived>,
        "a module that can be cloned holds its children as nn::Child<M>, not by reference, "
        "and has no const members");
    return std::unique_ptr<Module>(new Derived(static_cast<const Derived&>(*this)));
  }
};

}  // namespace mnemo::nn
