// Trajectories from independent implementations: optimizers by NumPy definitions, a DCGAN by
// PyTorch.
#include <functional>
#include <memory>

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
#include "mnemo/optim/adam.hpp"
#include "mnemo/optim/sgd.hpp"

using namespace mnemo;

namespace {

constexpr DType both[] = {DType::float64, DType::float32};

using Option = std::function<double(const char*)>;
using Make = std::function<std::unique_ptr<optim::Optimizer>(const Variables&, const Option&)>;

std::unique_ptr<optim::Optimizer> make_sgd(const Variables& parameters, const Option& option) {
  return std::make_unique<optim::Sgd>(
      parameters,
      optim::SgdOptions{.learning_rate = option("learning_rate"), .momentum = option("momentum")});
}

std::unique_ptr<optim::Optimizer> make_adam(const Variables& parameters, const Option& option) {
  return std::make_unique<optim::Adam>(parameters,
                                       optim::AdamOptions{.learning_rate = option("learning_rate"),
                                                          .beta1 = option("beta1"),
                                                          .beta2 = option("beta2"),
                                                          .epsilon = option("epsilon")});
}

/// Runs the 20 recorded gradients through the optimizer and compares parameters and every state
/// tensor after each step.
void follow(const Variables& file, const std::string& name, const Make& make, DType dtype) {
  Variables parameters;
  for (const char* parameter : {"weight", "bias"}) {
    parameters.add(parameter, golden::get(file, std::string("start/") + parameter, dtype));
    parameters.at(parameter).set_requires_grad();
  }
  const auto optimizer = make(
      parameters, [&](const char* option) { return file.at(name + "/options/" + option).item(); });
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
      const Tensor* state = parameters.find(key);
      if (!state) state = &optimizer->variables().at(key);
      // float32: 1e-6 of the magnitude that the whole series reaches.
      golden::expect_close(place + key, *state, golden::entry(expected.tensor, t), tolerance,
                           golden::scale(expected.tensor));
      ++compared;
    }
    CHECK(compared == parameters.size() + optimizer->variables().size() - 2);
    CHECK(optimizer->steps() == t + 1);
  }
}

}  // namespace

TEST_CASE("optimizers follow trajectories computed in NumPy, every state tensor included") {
  const Variables file = golden::read("optimizers");
  const std::pair<const char*, Make> rules[] = {
      {"sgd", make_sgd},       {"sgd_momentum", make_sgd},        {"adam", make_adam},
      {"adam_gan", make_adam}, {"adam_large_epsilon", make_adam},
  };
  for (const auto& [name, make] : rules) {
    for (DType dtype : both) follow(file, name, make, dtype);
  }
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
      } else if (!v.name.ends_with("_optimizer/learning_rate")) {
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
        CHECK(compared == gan.state.size() - 4 + 2);  // all but step counts and learning rates
      }
    }
  }
}
