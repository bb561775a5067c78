/// The training state as one list: what it takes, what it refuses, how it prints.
#include "mnemo/core/training_state.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "mnemo/core/rng.hpp"

using namespace mnemo;

namespace {

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<std::string> names(const Variables& variables) {
  std::vector<std::string> result;
  for (const Variable& variable : variables) result.push_back(variable.name);
  return result;
}

/// Anything that answers variables() has state; by value or by reference.
struct Model {
  Variables tensors{{"weight", zeros({2, 3})}, {"bias", zeros({3})}};
  const Variables& variables() const { return tensors; }
};

}  // namespace

TEST_CASE("objects, lists, tensors and counters become one list that shares their elements") {
  const Model model;
  const Rng rng(1);
  TrainingState state{{"model", model}, {"random", rng}, {"more", Variables{{"a/b", ones({1})}}}};
  const Tensor epoch = state.counter("epoch", 3);
  state.add("loss", scalar(0.5));
  state.add("second", Model());
  CHECK(names(state) == std::vector<std::string>{"model/weight", "model/bias", "random/state",
                                                 "more/a/b", "epoch", "loss", "second/weight",
                                                 "second/bias"});
  CHECK(state.variables().at("epoch").item() == 3.0);
  CHECK(state.variables().at("epoch").dtype() == DType::int64);
  epoch.fill(4);
  CHECK(state.variables().at("epoch").item() == 4.0);
  state.variables().at("model/bias").fill(7);
  CHECK(model.tensors.at("bias").at({2}) == 7.0);
}

TEST_CASE("duplicates are refused by name, and nothing is added") {
  const Model model;
  TrainingState state{{"model", model}};
  const std::vector<std::string> before = names(state);
  CHECK(error_of([&] { state.add("model", Model()); }) ==
        "variables: there are two of the name 'model/weight'");
  CHECK(error_of([&] { state.add("model", model); }) ==
        "variables: there are two of the name 'model/weight'");
  CHECK(error_of([&] { state.add("copy", model); }) ==
        "TrainingState: 'model/weight' and 'copy/weight' are the same tensor");
  const Variables half_new{{"new", zeros({1})}, {"old", model.tensors.at("bias").reshape({1, 3})}};
  CHECK(error_of([&] { state.add("view", half_new); }) ==
        "TrainingState: 'model/bias' and 'view/old' are the same tensor");
  Rng rng(1);
  const Rng same_generator = rng;
  CHECK_THROWS_AS((TrainingState{{"a", rng}, {"b", same_generator}}), Error);
  CHECK_THROWS_AS(state.counter("model/bias"), Error);
  CHECK_THROWS_AS(state.add("undefined", Tensor()), Error);
  CHECK_THROWS_AS(state.counter("a//b"), Error);
  CHECK(names(state) == before);
}

TEST_CASE("the state prints as a table") {
  TrainingState state{{"model", Model()}};
  state.counter("epoch");
  std::ostringstream out;
  out << state;
  CHECK(out.str() ==
        "name          shape        dtype   bytes\n"
        "model/weight  [2, 3]       float32    24\n"
        "model/bias    [3]          float32    12\n"
        "epoch         []           int64       8\n"
        "3 tensors     10 elements             44\n");
}
