/// Every optimizer with every schedule and every average: N steps, saved, loaded in a new process, N
/// steps more are the same bytes as 2N steps, also when the number of threads changes in between.
///
/// The processes are this program again, with the test case "worker", told what to do by environment
/// variables.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mnemo/core/grad.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/training_state.hpp"
#include "mnemo/io/batches.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/npy.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/losses.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/optim/accumulate.hpp"
#include "mnemo/optim/adagrad.hpp"
#include "mnemo/optim/adam.hpp"
#include "mnemo/optim/clip.hpp"
#include "mnemo/optim/lion.hpp"
#include "mnemo/optim/moving_average.hpp"
#include "mnemo/optim/rmsprop.hpp"
#include "mnemo/optim/schedule.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;
using namespace mnemo::optim;

namespace {

template <class Value>
using Named = std::vector<std::pair<std::string, Value>>;

using Make = std::function<std::unique_ptr<Optimizer>(const Variables&)>;

template <class Kind, class Options>
Make of(const Options& options) {
  return [options](const Variables& parameters) {
    Options biases = options;
    biases.weight_decay = 0.0;
    return std::make_unique<Kind>(parameters, options,
                                  std::vector<Group<Options>>{{"biases", {"*/bias"}, biases}});
  };
}

const Named<Make>& optimizers() {
  static const Named<Make> all{
      {"sgd", of<Sgd>(SgdOptions{.weight_decay = 0.01})},
      {"momentum", of<Sgd>(SgdOptions{.momentum = 0.9, .dampening = 0.1})},
      {"nesterov", of<Sgd>(SgdOptions{.momentum = 0.9, .nesterov = true})},
      {"adam", of<Adam>(AdamOptions{.learning_rate = 0.01})},
      {"adamw", of<AdamW>(AdamWOptions{.learning_rate = 0.01})},
      {"amsgrad", of<Adam>(AdamOptions{.amsgrad = true})},
      {"rmsprop", of<RmsProp>(RmsPropOptions{})},
      {"rmsprop_all", of<RmsProp>(RmsPropOptions{.momentum = 0.5, .centered = true})},
      {"adagrad", of<Adagrad>(AdagradOptions{.learning_rate_decay = 0.1})},
      {"lion", of<Lion>(LionOptions{.weight_decay = 0.1})},
  };
  return all;
}

const Named<Curve>& curves() {
  static const Named<Curve> all{
      {"constant", constant()},
      {"step", step_decay(2, 0.5)},
      {"multi_step", multi_step({1, 4}, 0.5)},
      {"exponential", exponential(0.9)},
      {"cosine", cosine(6, 1e-5)},
      {"restarts", cosine_restarts(2, 2)},
      {"warm_up", linear_warm_up(5)},
      {"one_cycle", one_cycle(8, {.rising = 0.4})},
      {"polynomial", polynomial(7, 2.0)},
      {"function",
       [](double base, std::int64_t step) { return base / static_cast<double>(1 + step); }},
      {"chain", sequence({{linear_warm_up(2), 2}, {combined({cosine(9), exponential(0.99)})}})},
  };
  return all;
}

const Named<MovingAverageOptions>& averages() {
  static const Named<MovingAverageOptions> all{
      {"plain", {.decay = 0.9, .warm_up = false}},
      {"warm", {.decay = 0.99, .warm_up = true}},
  };
  return all;
}

/// Eleven rows of data, noise from a generator, two micro-batches a step, clipping, one of each kind of
/// state. The schedule also reduces on a plateau.
struct Run {
  Run(const Make& make, const Curve& curve, const MovingAverageOptions& average_options)
      : seed(17),
        model({{"hidden", nn::Dense(3, 5, seed)},
               {"tanh", nn::Tanh()},
               {"out", nn::Dense(5, 1, seed)}}),
        optimizer(make(model.parameters())),
        schedule(*optimizer, curve),
        plateau(schedule, {.factor = 0.5, .patience = 1}),
        average(model.parameters(), average_options),
        accumulator(model.parameters()),
        noise(seed.split("noise")),
        batches({seed.split("data").normal({11, 3})}, {.size = 2, .seed = 3}) {}

  Variables variables() const {
    return TrainingState{{"model", model},        {"optimizer", *optimizer},
                         {"schedule", schedule},  {"plateau", plateau},
                         {"average", average},    {"accumulator", accumulator},
                         {"random/noise", noise}, {"data", batches}};
  }

  void micro_batch() {
    const Tensor x = batches.next()[0];
    const Tensor target = noise.normal({x.size(0), 1});
    const Tensor loss = nn::mse(model(x), target);
    accumulator.add(grad(loss, model.parameters()), static_cast<double>(x.size(0)));
    if (accumulator.count() < 2) return;
    Variables gradients = accumulator.take();
    clip_by_global_norm(gradients, 0.5);
    optimizer->step(gradients);
    schedule.step();
    plateau.step(loss.item());
    average.update();
  }

  Rng seed;
  nn::Sequential model;
  std::unique_ptr<Optimizer> optimizer;
  Schedule schedule;
  ReduceOnPlateau plateau;
  ExponentialMovingAverage average;
  GradientAccumulator accumulator;
  Rng noise;
  io::Batches batches;
};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// Runs the worker in a process of its own; an empty name for nothing to load.
void work(int threads, int micro_batches, const std::string& load, const std::string& save) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setenv("RESUME_THREADS", std::to_string(threads).c_str(), 1);
    ::setenv("RESUME_MICRO_BATCHES", std::to_string(micro_batches).c_str(), 1);
    ::setenv("RESUME_LOAD", load.c_str(), 1);
    ::setenv("RESUME_SAVE", save.c_str(), 1);
    ::execl("/proc/self/exe", "optim_resume_test", "--no-skip", "--test-case=worker", nullptr);
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("worker" * doctest::skip()) {
  set_threads(std::stoi(variable("RESUME_THREADS")));
  std::vector<std::unique_ptr<Run>> runs;
  TrainingState state;
  for (const auto& [optimizer, make] : optimizers()) {
    for (const auto& [schedule, curve] : curves()) {
      for (const auto& [average, options] : averages()) {
        runs.push_back(std::make_unique<Run>(make, curve, options));
        state.add(optimizer + "/" + schedule + "/" + average, *runs.back());
      }
    }
  }
  if (!variable("RESUME_LOAD").empty()) io::load(variable("RESUME_LOAD"), state);
  for (const auto& run : runs) {
    for (int i = 0; i < std::stoi(variable("RESUME_MICRO_BATCHES")); ++i) run->micro_batch();
  }
  io::save(variable("RESUME_SAVE"), state);
}

TEST_CASE("half the steps, a new process, and the other half are all the steps") {
  constexpr int half =
      7;  // stops between the two micro-batches of a step, in the middle of an epoch
  work(1, 2 * half, "", "whole_1.npz");
  work(2, 2 * half, "", "whole_2.npz");
  work(1, half, "", "half_1.npz");
  work(2, half, "half_1.npz", "resumed_2.npz");
  work(2, half, "", "half_2.npz");
  work(1, half, "half_2.npz", "resumed_1.npz");
  const std::string whole = bytes_of("whole_1.npz");
  CHECK(bytes_of("whole_2.npz") == whole);
  CHECK(bytes_of("resumed_1.npz") == whole);
  CHECK(bytes_of("resumed_2.npz") == whole);
  CHECK(bytes_of("half_1.npz") != whole);

  // The comparison is worth nothing where the steps do nothing.
  const Variables before = io::read("half_1.npz");
  const Variables after = io::read("whole_1.npz");
  for (const std::string changes :
       {"*/model/hidden/weight", "*/average/average/out/bias", "*/optimizer/step",
        "*/random/noise/state", "*/data/position"}) {
    for (const Variable& old : before.select(changes)) {
      INFO(old.name);
      const Tensor& now = after.at(old.name);
      CHECK(std::string(static_cast<const char*>(old.tensor.raw()), old.tensor.bytes()) !=
            std::string(static_cast<const char*>(now.raw()), now.bytes()));
    }
  }
}

TEST_CASE("one moment alone is saved, edited and loaded like a weight") {
  const Tensor weight = zeros({2, 3}).set_requires_grad();
  Adam optimizer({{"layer/weight", weight}});
  optimizer.step({{"layer/weight", ones({2, 3})}});
  const Variables moment = optimizer.variables().select("exp_avg/layer/weight");
  io::save("moment.npy", moment);
  Adam other({{"layer/weight", zeros({2, 3}).set_requires_grad()}});
  other.variables().at("exp_avg/layer/weight").assign(io::read_npy("moment.npy"));
  CHECK(other.variables().at("exp_avg/layer/weight").at({1, 2}) ==
        moment[std::size_t{0}].tensor.at({1, 2}));
  CHECK(other.variables().at("exp_avg_sq/layer/weight").at({1, 2}) == 0.0);

  io::save("optimizer.npz", optimizer.variables());
  const io::LoadReport report =
      io::load("optimizer.npz", other.variables(), {.only = {"exp_avg_sq/*"}});
  CHECK(report.loaded == std::vector<std::string>{"exp_avg_sq/layer/weight"});
  CHECK(other.steps() == 0);
  CHECK(other.variables().at("exp_avg_sq/layer/weight").at({0, 0}) > 0.0);
}

TEST_CASE("moments missing, renamed or of another shape are named, and nothing is loaded") {
  const Variables parameters{{"a", ones({2}).set_requires_grad()},
                             {"b", ones({3}).set_requires_grad()}};
  Adam optimizer(parameters);
  optimizer.step({{"a", ones({2})}, {"b", ones({3})}});
  const Variables& state = optimizer.variables();
  io::save("broken.npz", {{"step", state.at("step")},
                          {"learning_rate", state.at("learning_rate")},
                          {"exp_avg/a", state.at("exp_avg/b")},  // the two are swapped
                          {"exp_avg/b", state.at("exp_avg/a")},
                          {"exp_avg_sq/A", state.at("exp_avg_sq/a")}});
  Adam fresh(parameters);
  std::string message;
  try {
    io::load("broken.npz", fresh.variables());
  } catch (const Error& error) {
    message = error.what();
  }
  for (const std::string name :
       {"exp_avg/a", "exp_avg/b", "exp_avg_sq/a", "exp_avg_sq/A", "exp_avg_sq/b"}) {
    INFO(message);
    CHECK(message.find("'" + name + "'") != std::string::npos);
  }
  CHECK(fresh.steps() == 0);
  CHECK(fresh.variables().at("exp_avg/a").at({0}) == 0.0);
}
