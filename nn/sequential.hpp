#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// Modules applied one after the other, each under a name:
///
///     nn::Sequential net({{"hidden", nn::Dense(784, 128, rng)},
///                         {"relu", nn::ReLU()},
///                         {"out", nn::Dense(128, 10, rng)}});
///
/// A layer that stands at two places is given as a std::shared_ptr, or copied; both tie the weights.
class Sequential : public Layer<Sequential> {
 public:
  /// A module and its name.
  struct Entry {
    ///@{
    /// `{"hidden", nn::Dense(784, 128, rng)}`: takes the module in, or shares it.
    template <class M>
    Entry(std::string name_, M module_)  // NOLINT: read as a pair in braces
        : name(std::move(name_)), module(std::make_shared<M>(std::move(module_))) {
      static_assert(std::is_base_of_v<Module, M>);
    }
    template <class M>
    Entry(std::string name_, std::shared_ptr<M> module_)  // NOLINT
        : name(std::move(name_)), module(std::move(module_)) {}
    ///@}
    std::string name;                ///< one part of a path
    std::shared_ptr<Module> module;  ///< what is run
  };

  Sequential() = default;
  /// The modules in their order. Throws Error where a name stands twice or is none.
  Sequential(std::initializer_list<Entry> entries) {
    for (const Entry& entry : entries) append(entry);
  }
  /// Puts another one at the end: `net.append({"out", nn::Dense(128, 10, rng)})`.
  void append(const Entry& entry) { adopt(entry.name, entry.module); }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (const NamedModule& step : children()) y = (*step.module)(y);
    return y;
  }
};

/// x + body(x), or shortcut(x) + body(x) where the body changes the shape (He et al. 2016). Children
/// `body` and `shortcut`.
class Residual : public Layer<Residual> {
 public:
  ///@{
  /// Takes the modules in.
  template <class Body>
  requires std::is_base_of_v<Module, Body>
  explicit Residual(Body body) { child("body", std::move(body)); }
  template <class Body, class Shortcut>
  Residual(Body body, Shortcut shortcut) : Residual(std::move(body)) {
    child("shortcut", std::move(shortcut));
  }
  ///@}
  /// Throws Error where the two have different shapes.
  Tensor forward(const Tensor& x) override;
};

}  // namespace mnemo::nn
