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
class Sequential : public Module {
 public:
  struct Entry {
    template <class M>
    Entry(std::string name_, M module_)  // NOLINT: read as a pair in braces
        : name(std::move(name_)), module(std::make_shared<M>(std::move(module_))) {
      static_assert(std::is_base_of_v<Module, M>);
    }
    std::string name;
    std::shared_ptr<Module> module;
  };

  Sequential(std::initializer_list<Entry> entries) {
    for (const Entry& entry : entries) steps_.push_back(&adopt(entry.name, entry.module));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (Module* step : steps_) y = (*step)(y);
    return y;
  }
  std::string describe() const override { return "Sequential"; }

 private:
  std::vector<Module*> steps_;  // owned by the children
};

}  // namespace mnemo::nn
