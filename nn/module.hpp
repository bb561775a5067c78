#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
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
/// moved; what it registered stays where it is.
class Module {
 public:
  Module() = default;
  Module(Module&&) = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  /// The module's function. Throws Error for a module that takes something else than one tensor.
  virtual Tensor forward(const Tensor& x);
  Tensor operator()(const Tensor& x);

  /// What this module is, with its options: "Conv2d(1 -> 64, kernel 4, stride 2, padding 1)".
  virtual std::string describe() const { return "Module"; }

  /// What is trained, in the order of registration, own ones before those of children.
  Variables parameters() const;
  /// What is kept but not trained.
  Variables buffers() const;
  /// Both: everything that must survive the process.
  Variables variables() const;

  /// Switches between training and evaluation for this module and all below it (batch normalisation
  /// and dropout differ between the two).
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// The child of that name; a path leads further down. Throws Error if there is none.
  Module& at(std::string_view path) const;

  /// A table: path, what it is, number of parameters; and the totals. With the shape of an input
  /// also the shape of what each module gives (the model runs once, in evaluation mode, on zeros).
  std::string summary() const;
  std::string summary(const Shape& input, DType dtype = DType::float32);

 protected:
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
  Module& adopt(std::string name, std::shared_ptr<Module> module);

 private:
  struct Child {
    std::string name;
    std::shared_ptr<Module> module;
  };
  enum class Which { parameters, buffers, both };

  void expect_new_name(std::string_view name) const;
  void collect(Which which, const std::string& prefix, Variables& into) const;
  template <class Visit>
  void visit(const std::string& path, const Visit& visitor) const;

  std::vector<Variable> parameters_;
  std::vector<Variable> buffers_;
  std::vector<Child> children_;
  bool training_ = true;
};

}  // namespace mnemo::nn
