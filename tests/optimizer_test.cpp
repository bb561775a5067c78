/// What all optimizers share: groups, names, what is left out, errors, threads; and Lion, which PyTorch
/// lacks. The update rules are held against PyTorch in optim_torch_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/optim/adagrad.hpp"
#include "mnemo/optim/adam.hpp"
#include "mnemo/optim/lion.hpp"
#include "mnemo/optim/rmsprop.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;
using optim::MissingGradient;
using optim::Optimizer;

namespace {

Variables some_parameters(DType dtype = DType::float64) {
  Rng rng(5);
  Variables parameters;
  for (const std::string name : {"first/weight", "first/bias", "second/weight", "second/bias"}) {
    const Tensor value = rng.split(name).uniform({3, 2}, -1.0, 1.0, dtype);
    parameters.add(name, value.set_requires_grad());
  }
  return parameters;
}

/// Gradients that depend on step and name only.
Variables gradients_at(std::int64_t step, const Variables& parameters) {
  const Rng rng(99);
  Variables gradients;
  for (const Variable& parameter : parameters) {
    Rng own = rng.split(parameter.name + "/" + std::to_string(step));
    gradients.add(parameter.name,
                  own.normal(parameter.tensor.shape(), 0.0, 1.0, parameter.tensor.dtype()));
  }
  return gradients;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

void check_same_bits(const Variables& a, const Variables& b) {
  REQUIRE(a.size() == b.size());
  for (const Variable& variable : a) {
    INFO(variable.name);
    CHECK(same_bits(variable.tensor, b.at(variable.name)));
  }
}

Variables copies(const Variables& variables) {
  Variables result;
  for (const Variable& variable : variables) result.add(variable.name, variable.tensor.clone());
  return result;
}

void restore(const Variables& into, const Variables& from) {
  for (const Variable& variable : into) variable.tensor.detach().assign(from.at(variable.name));
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

using Make = std::function<std::unique_ptr<Optimizer>(const Variables&)>;
struct Kind {
  std::string name;
  Make make;
};

template <class O, class Options>
Kind kind(const std::string& name, const Options& options) {
  return {name, [options](const Variables& parameters) -> std::unique_ptr<Optimizer> {
            return std::make_unique<O>(parameters, options);
          }};
}

const std::vector<Kind>& kinds() {
  using namespace optim;
  static const std::vector<Kind> all{
      kind<Sgd>("sgd", SgdOptions{}),
      kind<Sgd>("momentum", SgdOptions{.momentum = 0.9, .dampening = 0.2, .weight_decay = 0.01}),
      kind<Sgd>("nesterov", SgdOptions{.momentum = 0.9, .nesterov = true, .maximize = true}),
      kind<Adam>("adam", AdamOptions{.weight_decay = 0.1}),
      kind<Adam>("amsgrad", AdamOptions{.amsgrad = true}),
      kind<AdamW>("adamw", AdamWOptions{}),
      kind<RmsProp>("rmsprop", RmsPropOptions{}),
      kind<RmsProp>("rmsprop centered momentum", RmsPropOptions{.momentum = 0.9, .centered = true}),
      kind<Adagrad>("adagrad", AdagradOptions{.learning_rate_decay = 0.1}),
      kind<Lion>("lion", LionOptions{.weight_decay = 0.1}),
  };
  return all;
}

}  // namespace

TEST_CASE("all state is there, named, from the constructor on") {
  const auto names = [](const Optimizer& optimizer) {
    std::vector<std::string> result;
    for (const Variable& state : optimizer.variables()) result.push_back(state.name);
    return result;
  };
  const Variables parameters{{"w", zeros({2}).set_requires_grad()}};
  using List = std::vector<std::string>;
  CHECK(names(optim::Sgd(parameters)) == List{"step", "learning_rate"});
  CHECK(names(optim::Sgd(parameters, {.momentum = 0.9})) ==
        List{"step", "learning_rate", "momentum_buffer/w"});
  CHECK(names(optim::Adam(parameters, {.amsgrad = true})) ==
        List{"step", "learning_rate", "beta1", "beta2", "exp_avg/w", "exp_avg_sq/w",
             "max_exp_avg_sq/w"});
  CHECK(names(optim::Adam(parameters, {.missing_gradient = MissingGradient::skip})) ==
        List{"step", "learning_rate", "beta1", "beta2", "exp_avg/w", "exp_avg_sq/w", "skipped/w"});
  CHECK(names(optim::RmsProp(parameters, {.momentum = 0.5, .centered = true})) ==
        List{"step", "learning_rate", "square_avg/w", "grad_avg/w", "momentum_buffer/w"});
  CHECK(names(optim::Adagrad(parameters)) == List{"step", "learning_rate", "sum/w"});
  CHECK(names(optim::Lion(parameters)) == List{"step", "learning_rate", "exp_avg/w"});
}

TEST_CASE("Lion and decoupled weight decay follow their formulas") {
  const auto sign = [](double x) { return static_cast<double>((x > 0) - (x < 0)); };
  std::vector<double> p{0.5, -1.0, 2.0, 0.0};
  std::vector<double> m(4, 0.0);
  const Tensor parameter = from_values(p, {4});
  optim::Lion lion({{"p", parameter.set_requires_grad()}},
                   {.learning_rate = 0.03, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.2});
  const Tensor decayed = from_values(p, {4});
  optim::Sgd sgd({{"p", decayed.set_requires_grad()}},
                 {.learning_rate = 0.03, .weight_decay = 0.2, .decoupled = true});
  std::vector<double> q = p;
  for (int step = 0; step < 20; ++step) {
    const std::vector<double> g{std::sin(step + 1.0), -0.1, std::cos(3.0 * step), 0.0};
    for (std::size_t i = 0; i < 4; ++i) {
      p[i] *= 1 - 0.03 * 0.2;
      p[i] -= 0.03 * sign(0.8 * m[i] + 0.2 * g[i]);
      m[i] = 0.95 * m[i] + 0.05 * g[i];
      q[i] = q[i] * (1 - 0.03 * 0.2) - 0.03 * g[i];
    }
    lion.step({{"p", from_values(g, {4})}});
    sgd.step({{"p", from_values(g, {4})}});
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(std::abs(parameter.data<double>()[i] - p[i]) <= 1e-14);
      CHECK(std::abs(lion.variables().at("exp_avg/p").data<double>()[i] - m[i]) <= 1e-14);
      CHECK(std::abs(decayed.data<double>()[i] - q[i]) <= 1e-14);
    }
  }
}

TEST_CASE("groups have options of their own") {
  // Each group must come out as an optimizer of its own would have it.
  const optim::AdamOptions plain{.learning_rate = 0.01};
  const optim::AdamOptions strict{.learning_rate = 0.1, .amsgrad = true, .weight_decay = 0.5};
  const Variables together = some_parameters();
  optim::Adam optimizer(together, plain, {{"biases", {"*/bias"}, strict}});
  CHECK(optimizer.variables().contains("max_exp_avg_sq/first/bias"));
  CHECK_FALSE(optimizer.variables().contains("max_exp_avg_sq/first/weight"));
  CHECK(optimizer.learning_rate("biases") == 0.1);

  const Variables apart = some_parameters();
  optim::Adam weights(apart.select("*/weight"), plain);
  optim::Adam biases(apart.select("*/bias"), strict);
  for (int step = 0; step < 5; ++step) {
    optimizer.step(gradients_at(step, together));
    weights.step(gradients_at(step, apart.select("*/weight")));
    biases.step(gradients_at(step, apart.select("*/bias")));
  }
  check_same_bits(together, apart);

  // Each group's learning rate is a tensor, read at each step.
  optimizer.variables().at("learning_rate/biases").fill(0.0);
  CHECK(optimizer.learning_rates().size() == 2);
  const Variables before = copies(together);
  optimizer.step(gradients_at(9, together));
  CHECK(same_bits(before.at("first/bias"), together.at("first/bias")));
  CHECK_FALSE(same_bits(before.at("first/weight"), together.at("first/weight")));
}

TEST_CASE("groups that cannot be are refused by name") {
  const Variables parameters = some_parameters();
  const auto with = [&](std::vector<optim::Group<optim::SgdOptions>> groups) {
    return error_of([&] { optim::Sgd(parameters, {}, groups); });
  };
  CHECK(with({{"a", {"first/*"}, {}}, {"b", {"*/bias"}, {}}}) ==
        "Sgd: parameter 'first/bias' is in the groups 'a' and 'b'");
  CHECK(with({{"a", {"third/*"}, {}}}) ==
        "Sgd: 'third/*' of group 'a' matches none of the 4 parameters");
  CHECK(with({{"a", {"first/bias"}, {}}, {"a", {"second/bias"}, {}}}) ==
        "Sgd: there are two groups of the name 'a'");
  CHECK(with({{"", {"first/bias"}, {}}}) == "Sgd: there are two groups of the name ''");
  CHECK(with({{"a//b", {"first/bias"}, {}}}).find("a//b") != std::string::npos);
  CHECK(with({{"a", {"first/bias"}, {.momentum = 1.0}}}) ==
        "Sgd: momentum of group 'a' is 1, outside [0, 1)");
  // Twice in one group is once.
  CHECK(with({{"a", {"first/*", "first/bias"}, {}}}) == "no error");
}

TEST_CASE("what is frozen keeps its moments, and its count of updates") {
  const Variables parameters = some_parameters();
  const Variables others = some_parameters();
  optim::Adam optimizer(parameters, {.missing_gradient = MissingGradient::skip});
  optim::Adam reference(others.select("first/*"), {});
  const auto step_both = [&](int step) {
    optimizer.step(gradients_at(step, parameters));
    reference.step(gradients_at(step, others.select("first/*")));
  };
  for (int step = 0; step < 3; ++step) step_both(step);

  for (const Variable& parameter : parameters.select("first/*")) {
    parameter.tensor.set_requires_grad(false);
  }
  const Variables before = copies(optimizer.variables().select("*/first/*"));
  const std::vector<std::string> left_out = optimizer.step(gradients_at(50, parameters));
  CHECK(left_out == std::vector<std::string>{"first/weight", "first/bias"});
  optimizer.step(gradients_at(51, parameters.select("second/*")));  // nor is a gradient needed
  for (const Variable& state : before) {
    if (state.name.starts_with("skipped/")) continue;
    CHECK(same_bits(state.tensor, optimizer.variables().at(state.name)));
  }
  CHECK(optimizer.variables().at("skipped/first/bias").item() == 2.0);
  CHECK(optimizer.steps() == 5);

  for (const Variable& parameter : parameters.select("first/*"))
    parameter.tensor.set_requires_grad();
  for (int step = 3; step < 6; ++step) step_both(step);
  check_same_bits(parameters.select("first/*"), others.select("first/*"));
}

TEST_CASE("without counters of their own frozen parameters keep their moments, too") {
  const Variables parameters = some_parameters();
  optim::Adam optimizer(parameters, {});
  optimizer.step(gradients_at(0, parameters));
  parameters.at("first/bias").set_requires_grad(false);
  const Variables before = copies(optimizer.variables());
  const Tensor value = parameters.at("first/bias").clone();
  optimizer.step(gradients_at(1, parameters));
  for (const std::string name : {"exp_avg/first/bias", "exp_avg_sq/first/bias"}) {
    CHECK(same_bits(before.at(name), optimizer.variables().at(name)));
  }
  CHECK_FALSE(same_bits(before.at("exp_avg/first/weight"),
                        optimizer.variables().at("exp_avg/first/weight")));
  CHECK(same_bits(value, parameters.at("first/bias")));
}

TEST_CASE("a group can be told to be frozen") {
  const Variables parameters = some_parameters();
  const Variables before = copies(parameters);
  optim::Sgd optimizer(parameters, {}, {{"first", {"first/*"}, {.frozen = true}}});
  CHECK(optimizer.step(gradients_at(0, parameters)).size() == 2);
  CHECK(same_bits(before.at("first/weight"), parameters.at("first/weight")));
  CHECK_FALSE(same_bits(before.at("second/weight"), parameters.at("second/weight")));
}

TEST_CASE("a parameter without a gradient is an error or skipped, by name") {
  const Variables parameters = some_parameters();
  const Variables before = copies(parameters);
  optim::Adam strict(parameters, {});
  CHECK(error_of([&] { strict.step(gradients_at(0, parameters.select("*/weight"))); }) ==
        "Adam: there is no gradient for the parameters 'first/bias', 'second/bias'");
  CHECK(strict.steps() == 0);
  check_same_bits(before, parameters);

  optim::Adam lenient(parameters, {.missing_gradient = MissingGradient::skip});
  CHECK(lenient.step(gradients_at(0, parameters.select("*/weight"))) ==
        std::vector<std::string>{"first/bias", "second/bias"});
  CHECK(same_bits(before.at("first/bias"), parameters.at("first/bias")));
  CHECK_FALSE(same_bits(before.at("first/weight"), parameters.at("first/weight")));
  CHECK(lenient.step({}).size() == 4);
}

TEST_CASE("a step that fails changes nothing and says why") {
  const Variables parameters = some_parameters();
  const optim::AdamOptions lenient{.missing_gradient = MissingGradient::skip};
  optim::Adam optimizer(parameters, {}, {{"lenient", {"first/bias"}, lenient}});
  optimizer.step(gradients_at(0, parameters));
  const Variables before = copies(parameters);
  const Variables state = optimizer.variables();
  const auto fails_with = [&](const std::string& message, const Variables& gradients) {
    const Variables state_before = copies(state);
    const std::uint32_t version = parameters[std::size_t{0}].tensor.version();
    CHECK(error_of([&] { optimizer.step(gradients); }) == message);
    check_same_bits(before, parameters);
    check_same_bits(state_before, state);
    CHECK(parameters[std::size_t{0}].tensor.version() == version);
  };
  Variables gradients = gradients_at(1, parameters);
  Variables extra = gradients;
  extra.add("third/bias", zeros({2}, DType::float64));
  fails_with("Adam: gradient 'third/bias' belongs to none of the parameters", extra);
  Variables other_shape = gradients_at(1, parameters.select("first/*"));
  other_shape.add("second/weight", zeros({2, 3}, DType::float64));
  other_shape.add("second/bias", zeros({3, 2}, DType::float64));
  fails_with(
      "Adam: the gradient of 'second/weight' is [2, 3] of float64, the parameter is [3, 2] of "
      "float64",
      other_shape);
  Variables other_dtype = gradients_at(1, parameters.select("first/*"));
  other_dtype.add("second/weight", zeros({3, 2}));
  other_dtype.add("second/bias", zeros({3, 2}));
  fails_with(
      "Adam: the gradient of 'second/weight' is [3, 2] of float32, the parameter is [3, 2] of "
      "float64",
      other_dtype);

  for (const double rate : {-1e-3, std::numeric_limits<double>::infinity(), std::nan("")}) {
    state.at("learning_rate").fill(rate);
    CHECK(error_of([&] { optimizer.step(gradients); }).starts_with("Adam: learning_rate is "));
    CHECK_THROWS_AS(optimizer.set_learning_rate(rate), Error);
  }
  optimizer.set_learning_rate(1e-3);
  *state.at("step").mutable_data<std::int64_t>() = -1;
  fails_with("Adam: 'step' is -1, which cannot be a number of steps taken", gradients);
  *state.at("step").mutable_data<std::int64_t>() = 1;
  *state.at("skipped/first/bias").mutable_data<std::int64_t>() = 2;
  fails_with("Adam: 'skipped/first/bias' is 2 at step 2; it must be at least 0 and less",
             gradients);
}

TEST_CASE("Adam's betas are states of each group, which a step reads") {
  const auto parameter = [] {
    return from_values(std::vector<double>{0.5}, {1}).set_requires_grad();
  };
  const Tensor w = parameter(), v = parameter();
  optim::Adam adam({{"w", w}, {"v", v}}, {.learning_rate = 0.1},
                   {{"fast", {"v"}, {.learning_rate = 0.1, .beta1 = 0.25}}});
  CHECK(adam.variables().at("beta1").item() == 0.9);
  CHECK(adam.variables().at("beta1/fast").item() == 0.25);
  CHECK(adam.variables().at("beta2/fast").item() == 0.999);
  adam.variables().at("beta1").fill(0.75);
  adam.variables().at("beta2/fast").fill(0.5);
  const Variables gradients{{"w", from_values(std::vector<double>{2.0}, {1})},
                            {"v", from_values(std::vector<double>{-4.0}, {1})}};
  adam.step(gradients);
  CHECK(adam.variables().at("exp_avg/w").item() == 0.5);     // (1 - 0.75) 2
  CHECK(adam.variables().at("exp_avg/v").item() == -3.0);    // (1 - 0.25) (-4)
  CHECK(adam.variables().at("exp_avg_sq/v").item() == 8.0);  // (1 - 0.5) 16
  CHECK(v.item() == doctest::Approx(0.6));  // a first step is the learning rate, whatever the betas

  adam.variables().at("beta2/fast").fill(1.0);
  CHECK(error_of([&] { adam.step(gradients); }) ==
        "Adam: beta2 of group 'fast' is 1, outside [0, 1)");
  CHECK(adam.steps() == 1);
  adam.reset("beta2/*");
  CHECK(adam.variables().at("beta2/fast").item() == 0.999);
}

TEST_CASE("parameters and options that cannot be are refused") {
  const Tensor weight = zeros({2}).set_requires_grad();
  const auto adam = [&](const optim::AdamOptions& options) {
    return error_of([&] { optim::Adam({{"w", weight}}, options); });
  };
  CHECK(adam({.learning_rate = -1.0}) == "Adam: learning_rate is -1, outside [0, inf)");
  CHECK(adam({.beta1 = 1.0}) == "Adam: beta1 is 1, outside [0, 1)");
  CHECK(adam({.beta2 = std::nan("")}) == "Adam: beta2 is nan, outside [0, 1)");
  CHECK(adam({.epsilon = -1e-8}) == "Adam: epsilon is -1e-08, outside [0, inf)");
  CHECK(adam({.weight_decay = -0.1}) == "Adam: weight_decay is -0.1, outside [0, inf)");
  CHECK(error_of([] { optim::Sgd({}, {}); }) == "Sgd: there are no parameters");
  CHECK(error_of([&] {
          optim::Sgd({{"w", weight}, {"v", weight.reshape({2, 1})}});
        }) == "Sgd: parameters 'w' and 'v' are the same tensor");
  CHECK(error_of([] {
          optim::Sgd({{"n", zeros({2}, DType::int64)}});
        }) == "Sgd: parameter 'n' is of int64; only float32 and float64 can be trained");
  CHECK(error_of([&] {
          optim::Sgd({{"w", weight}}, {.nesterov = true});
        }) == "Sgd: nesterov needs momentum above 0 and dampening 0, got 0 and 0");
  CHECK(error_of([&] {
          optim::Adam({{"w", weight}}).learning_rate("norms");
        }) == "Adam: there is no group 'norms'");
  CHECK_THROWS_AS(optim::RmsProp({{"w", weight}}, {.alpha = 1.0}), Error);
  CHECK_THROWS_AS(optim::Adagrad({{"w", weight}}, {.initial_accumulator = -1.0}), Error);
  CHECK_THROWS_AS(optim::Lion({{"w", weight}}, {.beta2 = 1.5}), Error);
}

TEST_CASE("states are read, edited and reset like weights") {
  const Variables parameters = some_parameters();
  optim::Adagrad optimizer(parameters, {.initial_accumulator = 0.5});
  optimizer.step(gradients_at(0, parameters));
  optimizer.set_learning_rate(0.25);
  optimizer.reset("sum/first/weight");
  for (const double x : optimizer.variables().at("sum/first/weight").span<double>())
    CHECK(x == 0.5);
  CHECK(optimizer.variables().at("sum/first/bias").data<double>()[0] != 0.5);
  CHECK(error_of([&] { optimizer.reset("exp_avg/*"); }).find("exp_avg/*") != std::string::npos);
  optimizer.reset("*");
  CHECK(optimizer.learning_rate() == 1e-2);
  CHECK(optimizer.steps() == 0);

  // A moment that is put in before the first step counts.
  const Tensor weight = zeros({2}, DType::float64).set_requires_grad();
  optim::Sgd momentum({{"w", weight}}, {.learning_rate = 1.0, .momentum = 0.5, .dampening = 0.5});
  momentum.variables().at("momentum_buffer/w").assign(full({2}, 4.0, DType::float64));
  momentum.step({{"w", ones({2}, DType::float64)}});
  CHECK(weight.data<double>()[0] == -3.0);
}

TEST_CASE("gradients that are the optimizer's own memory are copied first") {
  const Tensor a = full({40000}, 1.0).set_requires_grad();
  const Tensor b = full({40000}, 2.0).set_requires_grad();
  optim::Sgd optimizer({{"a", a}, {"b", b}}, {.learning_rate = 1.0});
  optimizer.step({{"a", b}, {"b", a}});
  CHECK(a.data<float>()[39999] == -1.0f);
  CHECK(b.data<float>()[39999] == 1.0f);
}

TEST_CASE("minimize is grad and step in one") {
  const Variables one = some_parameters();
  const Variables two = some_parameters();
  const auto loss = [](const Variables& p) {
    return sum(p.at("first/weight") * p.at("first/bias") * p.at("second/weight") *
               p.at("second/bias"));
  };
  optim::Adam a(one, {});
  optim::Adam b(two, {});
  for (int step = 0; step < 3; ++step) {
    a.minimize(loss(one));
    b.step(grad(loss(two), two));
  }
  check_same_bits(one, two);
  CHECK(error_of([&] { a.minimize(sum(one.at("first/bias"))); }) ==
        "Adam: there is no gradient for the parameters 'first/weight', 'second/weight', "
        "'second/bias'");
  one.at("first/weight").set_requires_grad(false);
  CHECK(a.minimize(loss(one)) == std::vector<std::string>{"first/weight"});
}

TEST_CASE(
    "half the steps, restored in new objects with layers in another order, are the same bits") {
  const auto reordered = [](const Variables& parameters) {
    Variables result;
    for (std::size_t i = parameters.size(); i-- > 0;) {
      result.add(parameters[i].name, parameters[i].tensor);
    }
    return result;
  };
  for (const Kind& k : kinds()) {
    CAPTURE(k.name);
    const Variables whole = some_parameters();
    const auto unbroken = k.make(whole);
    for (int step = 0; step < 10; ++step) unbroken->step(gradients_at(step, whole));

    const Variables first = some_parameters();
    const auto before = k.make(first);
    for (int step = 0; step < 5; ++step) before->step(gradients_at(step, first));
    const Variables second = reordered(some_parameters());
    const auto after = k.make(second);
    restore(second, copies(first));
    restore(after->variables(), copies(before->variables()));
    for (int step = 5; step < 10; ++step) after->step(gradients_at(step, second));
    check_same_bits(whole, second);
    check_same_bits(unbroken->variables(), after->variables());
  }
}

TEST_CASE("the bits do not depend on the number of threads") {
  const int before = threads();
  const auto large = [](DType dtype) {
    Rng rng(3);
    return Variables{{"w", rng.normal({70001}, 0.0, 1.0, dtype).set_requires_grad()},
                     {"b", rng.normal({7}, 0.0, 1.0, dtype).set_requires_grad()}};
  };
  for (const Kind& k : kinds()) {
    CAPTURE(k.name);
    for (const DType dtype : {DType::float32, DType::float64}) {
      std::vector<Variables> results;
      for (const int change : {0, 1, 2}) {  // one thread, three threads, one then three
        const Variables parameters = large(dtype);
        const auto optimizer = k.make(parameters);
        for (int step = 0; step < 4; ++step) {
          set_threads(change == 1 || (change == 2 && step >= 2) ? 3 : 1);
          optimizer->step(gradients_at(step, parameters));
        }
        Variables all = parameters;
        all.add("state", optimizer->variables());
        results.push_back(copies(all));
      }
      check_same_bits(results[0], results[1]);
      check_same_bits(results[0], results[2]);
    }
  }
  set_threads(before);
}

TEST_CASE("elements come out alike wherever they stand in a block") {
  // Vectors and the rest of a row must round alike, or the cut into blocks would show.
  for (const Kind& k : kinds()) {
    CAPTURE(k.name);
    for (const DType dtype : {DType::float32, DType::float64}) {
      const Tensor many = full({16384 + 37}, 0.37, dtype).set_requires_grad();
      const auto optimizer = k.make({{"w", many}});
      for (int step = 0; step < 3; ++step) {
        optimizer->step({{"w", full(many.shape(), 0.1 + 0.3 * step, dtype)}});
      }
      const Tensor expected = full(many.shape(), many.at({0}), dtype);
      CHECK(same_bits(many, expected));
    }
  }
}
