// Trajectories from independent implementations: optimizers by NumPy definitions, a DCGAN by
// PyTorch.
#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <set>

#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/batch_norm.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/losses.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/nn/shape_layers.hpp"
#include "mnemo/optim/adagrad.hpp"
#include "mnemo/optim/adam.hpp"
#include "mnemo/optim/lion.hpp"
#include "mnemo/optim/rmsprop.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;

namespace {

constexpr DType both[] = {DType::float64, DType::float32};

/// The recorded options of one trajectory; 0 for what its rule does not have.
using Options = std::function<double(const char*)>;
using Make = std::unique_ptr<optim::Optimizer> (*)(const Variables&, const Options&);

std::unique_ptr<optim::Optimizer> make_sgd(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::Sgd>(parameters,
                                      optim::SgdOptions{.learning_rate = o("learning_rate"),
                                                        .momentum = o("momentum"),
                                                        .dampening = o("dampening"),
                                                        .nesterov = o("nesterov") != 0.0,
                                                        .weight_decay = o("weight_decay"),
                                                        .maximize = o("maximize") != 0.0});
}

std::unique_ptr<optim::Optimizer> make_adam(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::Adam>(parameters,
                                       optim::AdamOptions{.learning_rate = o("learning_rate"),
                                                          .beta1 = o("beta1"),
                                                          .beta2 = o("beta2"),
                                                          .epsilon = o("epsilon"),
                                                          .amsgrad = o("amsgrad") != 0.0,
                                                          .weight_decay = o("weight_decay"),
                                                          .decoupled = o("decoupled") != 0.0,
                                                          .maximize = o("maximize") != 0.0});
}

std::unique_ptr<optim::Optimizer> make_adamw(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::AdamW>(parameters,
                                        optim::AdamWOptions{.learning_rate = o("learning_rate"),
                                                            .beta1 = o("beta1"),
                                                            .beta2 = o("beta2"),
                                                            .epsilon = o("epsilon"),
                                                            .amsgrad = o("amsgrad") != 0.0,
                                                            .weight_decay = o("weight_decay")});
}

std::unique_ptr<optim::Optimizer> make_rmsprop(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::RmsProp>(parameters,
                                          optim::RmsPropOptions{.learning_rate = o("learning_rate"),
                                                                .alpha = o("alpha"),
                                                                .epsilon = o("epsilon"),
                                                                .momentum = o("momentum"),
                                                                .centered = o("centered") != 0.0,
                                                                .weight_decay = o("weight_decay")});
}

std::unique_ptr<optim::Optimizer> make_adagrad(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::Adagrad>(
      parameters, optim::AdagradOptions{.learning_rate = o("learning_rate"),
                                        .learning_rate_decay = o("learning_rate_decay"),
                                        .initial_accumulator = o("initial_accumulator"),
                                        .epsilon = o("epsilon"),
                                        .weight_decay = o("weight_decay")});
}

std::unique_ptr<optim::Optimizer> make_lion(const Variables& parameters, const Options& o) {
  return std::make_unique<optim::Lion>(parameters,
                                       optim::LionOptions{.learning_rate = o("learning_rate"),
                                                          .beta1 = o("beta1"),
                                                          .beta2 = o("beta2"),
                                                          .weight_decay = o("weight_decay")});
}

/// How many tensors of the state are moments rather than counters and learning rates.
std::size_t moments_in(const Variables& state) {
  std::size_t count = 0;
  for (const Variable& v : state) {
    count += v.tensor.rank() > 0 && !v.name.starts_with("skipped/") ? 1 : 0;
  }
  return count;
}

/// Runs the 20 recorded gradients through the optimizer and compares parameters and every state
/// tensor after each step.
void follow(const Variables& file, const std::string& name, const Make& make, DType dtype) {
  Variables parameters;
  for (const char* parameter : {"weight", "bias"}) {
    parameters.add(parameter, golden::get(file, std::string("start/") + parameter, dtype));
    parameters.at(parameter).set_requires_grad();
  }
  const auto optimizer = make(parameters, [&](const char* option) {
    const Tensor* value = file.find(name + "/options/" + option);
    return value ? value->item() : 0.0;
  });
  const double tolerance = golden::tolerance(dtype, 1e-13, 1e-6);
  for (std::int64_t t = 0; t < 20; ++t) {
    Variables gradients;
    for (const Variable& p : parameters) {
      gradients.add(p.name, cast(golden::entry(file.at("gradients/" + p.name), t), dtype));
    }
    optimizer->step(gradients);

    const std::string place = name + ", step " + std::to_string(t + 1) + ": ";
    std::size_t compared = 0;
    const std::string prefix = name + "/expected/";
    for (const Variable& expected : file) {
      if (!expected.name.starts_with(prefix)) continue;
      const std::string key = expected.name.substr(prefix.size());  // weight or exp_avg/weight
      const Tensor state =
          parameters.contains(key) ? parameters.at(key) : optimizer->variables().at(key);
      // float32: 1e-6 of the magnitude that the whole series reaches.
      golden::expect_close(place + key, state, golden::entry(expected.tensor, t), tolerance,
                           golden::scale(expected.tensor));
      ++compared;
    }
    CHECK(compared == parameters.size() + moments_in(optimizer->variables()));
    CHECK(optimizer->steps() == t + 1);
  }
}

}  // namespace

TEST_CASE("optimizers follow trajectories computed in NumPy, every state tensor included") {
  const Variables file = golden::read("optimizers");
  const std::pair<const char*, Make> rules[] = {
      {"adagrad", make_adagrad}, {"adamw", make_adamw}, {"adam", make_adam},
      {"amsgrad", make_adam},    {"lion", make_lion},   {"rmsprop", make_rmsprop},
      {"sgd", make_sgd}};
  std::set<std::string> names;
  for (const Variable& v : file) {
    if (v.name.ends_with("/options/learning_rate")) {
      names.insert(v.name.substr(0, v.name.find('/')));
    }
  }
  CHECK(names.size() == 24);
  for (const std::string& name : names) {
    const auto rule = std::find_if(std::begin(rules), std::end(rules),
                                   [&](const auto& r) { return name.starts_with(r.first); });
    REQUIRE_MESSAGE(rule != std::end(rules), name);
    for (DType dtype : both) follow(file, name, rule->second, dtype);
  }
  for (DType dtype : both) follow(file, "adamw", make_adam, dtype);  // the same, by an option
}

namespace {

nn::Sequential make_generator(Rng& rng, DType dtype) {
  return nn::Sequential(
      {{"project", nn::Dense(5, 54, rng, {.dtype = dtype})},
       {"grid", nn::Reshape({6, 3, 3})},
       {"norm1", nn::BatchNorm2d(6, {.dtype = dtype})},
       {"relu1", nn::ReLU()},
       {"up1",
        nn::ConvTranspose2d(
            6, 4, {.kernel = 4, .stride = 2, .padding = 1, .bias = false, .dtype = dtype}, rng)},
       {"norm2", nn::BatchNorm2d(4, {.dtype = dtype})},
       {"relu2", nn::ReLU()},
       {"up2",
        nn::ConvTranspose2d(4, 1, {.kernel = 4, .stride = 2, .padding = 1, .dtype = dtype}, rng)},
       {"tanh", nn::Tanh()}});
}

nn::Sequential make_discriminator(Rng& rng, DType dtype) {
  return nn::Sequential(
      {{"down1", nn::Conv2d(1, 4, {.kernel = 4, .stride = 2, .padding = 1, .dtype = dtype}, rng)},
       {"leaky1", nn::LeakyReLU(0.2)},
       {"down2",
        nn::Conv2d(4, 6, {.kernel = 4, .stride = 2, .padding = 1, .bias = false, .dtype = dtype},
                   rng)},
       {"norm", nn::BatchNorm2d(6, {.dtype = dtype})},
       {"leaky2", nn::LeakyReLU(0.2)},
       {"flatten", nn::Flatten()},
       {"score", nn::Dense(54, 1, rng, {.dtype = dtype})}});
}

/// What record_dcgan.py trains, as a user of mnemo writes it.
struct Dcgan {
  Rng rng{1};
  nn::Sequential generator, discriminator;
  optim::Adam generator_optimizer, discriminator_optimizer;
  Variables state;

  Dcgan(DType dtype, const optim::AdamOptions& options)
      : generator(make_generator(rng, dtype)),
        discriminator(make_discriminator(rng, dtype)),
        generator_optimizer(generator.parameters(), options),
        discriminator_optimizer(discriminator.parameters(), options) {
    state.add("generator", generator.variables());
    state.add("discriminator", discriminator.variables());
    state.add("generator_optimizer", generator_optimizer.variables());
    state.add("discriminator_optimizer", discriminator_optimizer.variables());
  }

  /// Starts from what the file holds as start/...; all of it must be there.
  void start(const Variables& file) {
    const NoGrad quiet;
    for (const Variable& v : state) {
      const bool of_optimizer = v.name.find("_optimizer/") != std::string::npos;
      if (!of_optimizer) v.tensor.assign(file.at("start/" + v.name));
    }
  }

  /// Goes on from PyTorch's state after `steps` steps.
  void start_after(std::int64_t steps, const Variables& file) {
    const NoGrad quiet;
    for (const Variable& v : state) {
      if (v.name.ends_with("_optimizer/step")) {
        v.tensor.fill(static_cast<double>(steps));
      } else if (file.contains("expected/" + v.name)) {
        const Tensor recorded = golden::entry(file.at("expected/" + v.name), steps - 1);
        v.tensor.assign(cast(recorded, v.tensor.dtype()));
      }
    }
  }

  /// One step; the losses of discriminator and generator.
  std::pair<Tensor, Tensor> step(const Tensor& z, const Tensor& real) {
    const Tensor fake = generator(z);
    // Two statements: C++ leaves the order of the operands of + open, and each pass moves the
    // running statistics.
    const Tensor real_loss = nn::bce_with_logits(discriminator(real), 1.0);
    const Tensor fake_loss = nn::bce_with_logits(discriminator(detach(fake)), 0.0);
    const Tensor d_loss = real_loss + fake_loss;
    discriminator_optimizer.step(grad(d_loss, discriminator.parameters()));
    const Tensor g_loss = nn::bce_with_logits(discriminator(fake), 1.0);
    generator_optimizer.step(grad(g_loss, generator.parameters()));
    return {d_loss, g_loss};
  }
};

}  // namespace

TEST_CASE("a DCGAN goes with PyTorch: losses, weights, statistics and moments of ten steps") {
  for (DType dtype : both) {
    const bool is_double = dtype == DType::float64;
    const Variables file =
        golden::read(is_double ? "dcgan_10_steps_float64" : "dcgan_10_steps_float32");
    const double tolerance = golden::tolerance(dtype, 1e-11, 2e-6);
    for (std::int64_t first :
         {0, 5}) {  // from the start, and on from PyTorch's state after 5 steps
      Dcgan gan(dtype, {.learning_rate = file.at("options/learning_rate").item(),
                        .beta1 = file.at("options/beta1").item(),
                        .beta2 = file.at("options/beta2").item()});
      if (first == 0) {
        gan.start(file);
      } else {
        gan.start_after(first, file);
      }
      for (std::int64_t t = first; t < 10; ++t) {
        const auto [d_loss, g_loss] = gan.step(cast(golden::entry(file.at("z"), t), dtype),
                                               cast(golden::entry(file.at("real"), t), dtype));
        std::size_t compared = 0;
        for (const Variable& v : file) {
          if (!v.name.starts_with("expected/")) continue;
          const std::string key = v.name.substr(std::string("expected/").size());
          const Tensor& actual = key == "discriminator_loss" ? d_loss
                                 : key == "generator_loss"   ? g_loss
                                                             : gan.state.at(key);
          golden::expect_close("step " + std::to_string(t + 1) + ": " + key, actual,
                               golden::entry(v.tensor, t), tolerance, golden::scale(v.tensor));
          ++compared;
        }
        // Everything but counters and learning rates, and the two losses.
        const std::size_t optimizers = moments_in(gan.generator_optimizer.variables()) +
                                       moments_in(gan.discriminator_optimizer.variables());
        const std::size_t networks =
            gan.generator.variables().size() + gan.discriminator.variables().size();
        CHECK(compared == networks + optimizers + 2);
      }
    }
  }
}
