/// The optimizers held against trajectories that golden/record_optim_torch.py recorded from PyTorch:
/// parameters and every state tensor after each of 20 steps, in float64 and in float32.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "from_ctest.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/npz.hpp"
#include "mnemo/optim/adagrad.hpp"
#include "mnemo/optim/adam.hpp"
#include "mnemo/optim/rmsprop.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;

namespace {

const Variables& recorded() {
  static const Variables file =
      io::read_npz(from_ctest("MNEMO_TESTS_DIR") + "/golden/optim_torch.npz");
  return file;
}

std::vector<std::string> variants() {
  std::vector<std::string> names;
  for (const Variable& variable : recorded().select("*/family")) {
    names.push_back(variable.name.substr(0, variable.name.find('/')));
  }
  return names;
}

/// The recorded options of a variant; each must be asked for, or the test would pass over it.
class Recorded {
 public:
  explicit Recorded(const std::string& variant) : prefix_(variant + "/options/") {
    for (const Variable& option : recorded().select(prefix_ + "*")) unread_.insert(option.name);
  }
  double operator()(const std::string& word, double otherwise) {
    unread_.erase(prefix_ + word);
    const Tensor* const value = recorded().find(prefix_ + word);
    return value ? value->item() : otherwise;
  }
  bool all_read() const { return unread_.empty(); }

 private:
  std::string prefix_;
  std::set<std::string> unread_;
};

std::unique_ptr<optim::Optimizer> make(const std::string& variant, const Variables& parameters) {
  Recorded option(variant);
  const double weight_decay = option("weight_decay", variant.starts_with("adamw") ? 1e-2 : 0.0);
  const bool maximize = option("maximize", 0) != 0;
  const auto missing = optim::MissingGradient::skip;
  const auto rate = [&] { return option("learning_rate", NAN); };
  std::unique_ptr<optim::Optimizer> made;
  switch (static_cast<int>(recorded().at(variant + "/family").item())) {
    case 0: {
      optim::SgdOptions o{.learning_rate = rate(), .momentum = option("momentum", 0)};
      o.dampening = option("dampening", 0);
      o.nesterov = option("nesterov", 0) != 0;
      o.weight_decay = weight_decay, o.maximize = maximize, o.missing_gradient = missing;
      made = std::make_unique<optim::Sgd>(parameters, o);
      break;
    }
    case 1: {
      optim::AdamOptions o{.learning_rate = rate(), .beta1 = option("beta1", 0.9)};
      o.beta2 = option("beta2", 0.999);
      o.epsilon = option("epsilon", 1e-8);
      o.amsgrad = option("amsgrad", 0) != 0;
      o.weight_decay = weight_decay, o.maximize = maximize, o.missing_gradient = missing;
      made = std::make_unique<optim::Adam>(parameters, o);
      break;
    }
    case 2: {
      optim::AdamWOptions o{.learning_rate = rate(), .beta1 = option("beta1", 0.9)};
      o.beta2 = option("beta2", 0.999);
      o.amsgrad = option("amsgrad", 0) != 0;
      o.weight_decay = weight_decay, o.maximize = maximize, o.missing_gradient = missing;
      made = std::make_unique<optim::AdamW>(parameters, o);
      break;
    }
    case 3: {
      optim::RmsPropOptions o{.learning_rate = rate(), .alpha = option("alpha", 0.99)};
      o.epsilon = option("epsilon", 1e-8);
      o.momentum = option("momentum", 0);
      o.centered = option("centered", 0) != 0;
      o.weight_decay = weight_decay, o.maximize = maximize, o.missing_gradient = missing;
      made = std::make_unique<optim::RmsProp>(parameters, o);
      break;
    }
    case 4: {
      optim::AdagradOptions o{.learning_rate = rate()};
      o.learning_rate_decay = option("learning_rate_decay", 0);
      o.initial_accumulator = option("initial_accumulator", 0);
      o.weight_decay = weight_decay, o.maximize = maximize, o.missing_gradient = missing;
      made = std::make_unique<optim::Adagrad>(parameters, o);
      break;
    }
    default: FAIL("unknown family");
  }
  CHECK_MESSAGE(option.all_read(), variant, " has an option that the test does not pass on");
  return made;
}

/// Element [step, ...] of a recorded trajectory as a tensor of its own.
Tensor at_step(const Tensor& trajectory, std::int64_t step, DType dtype) {
  const Shape& whole = trajectory.shape();
  std::vector<std::int64_t> lengths;
  for (std::size_t axis = 1; axis < whole.rank(); ++axis) lengths.push_back(whole[axis]);
  const Shape shape{std::span<const std::int64_t>(lengths)};
  const Tensor all = cast(trajectory, DType::float64);
  Tensor one(shape, DType::float64);
  for (std::int64_t i = 0; i < one.elements(); ++i) {
    one.mutable_data<double>()[i] = all.data<double>()[step * one.elements() + i];
  }
  return cast(one, dtype);
}

/// Absolute for values up to 1, relative above.
double largest_difference(const Tensor& actual, const Tensor& expected) {
  const Tensor x = cast(actual, DType::float64);
  const Tensor y = cast(expected, DType::float64);
  double largest = 0.0;
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    const double scale = std::max(1.0, std::abs(y.data<double>()[i]));
    const double difference = std::abs(x.data<double>()[i] - y.data<double>()[i]) / scale;
    if (!(difference <= largest)) largest = difference;  // NaN sticks
  }
  return largest;
}

bool misses(const std::string& variant, const std::string& parameter, std::int64_t step) {
  const Tensor* const steps = recorded().find(variant + "/missing/" + parameter);
  if (!steps) return false;
  for (const std::int64_t missing : steps->span<std::int64_t>()) {
    if (missing == step) return true;
  }
  return false;
}

void follow(const std::string& variant, DType dtype, double tolerance) {
  Variables parameters;
  for (const std::string name : {"weight", "bias"}) {
    const Tensor start = cast(recorded().at("start/" + name), dtype);
    parameters.add(name, start.set_requires_grad());
  }
  const auto optimizer = make(variant, parameters);
  const std::string prefix = detail::text(variant, "/", dtype, "/");
  for (std::int64_t step = 0; step < 20; ++step) {
    Variables gradients;
    for (const Variable& parameter : parameters) {
      if (misses(variant, parameter.name, step)) continue;
      gradients.add(parameter.name,
                    at_step(recorded().at("gradients/" + parameter.name), step, dtype));
    }
    optimizer->step(gradients);
    for (const Variable& expected : recorded().select(prefix + "*")) {
      const std::string name = expected.name.substr(prefix.size());
      const Tensor& actual = name.starts_with("parameter/")
                                 ? parameters.at(name.substr(std::string("parameter/").size()))
                                 : optimizer->variables().at(name);
      const double difference = largest_difference(actual, at_step(expected.tensor, step, dtype));
      INFO(expected.name, " after step ", step + 1, " differs by ", difference);
      REQUIRE(difference <= tolerance);
    }
    CHECK(optimizer->steps() == step + 1);
  }
  // No state that PyTorch does not have, apart from counters and rates.
  for (const Variable& state : optimizer->variables()) {
    if (state.tensor.rank() > 0) CHECK(recorded().contains(prefix + state.name));
  }
}

}  // namespace

TEST_CASE("trajectories of PyTorch in float64") {
  CHECK(variants().size() >= 28);
  for (const std::string& variant : variants()) {
    CAPTURE(variant);
    follow(variant, DType::float64, 1e-10);
  }
}

TEST_CASE("trajectories of PyTorch in float32") {
  for (const std::string& variant : variants()) {
    CAPTURE(variant);
    follow(variant, DType::float32, 1e-6);
  }
}
