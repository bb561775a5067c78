// Training steps of whole networks, and optimizer updates alone. A step is forward, loss, backward
// and update.
#include <cmath>
#include <cstdio>
#include <memory>

#include "bench.hpp"

namespace bench {
namespace {

using namespace mnemo;

// The initial values are overwritten by fill_parameters.
Rng& any() {
  static Rng rng(0);
  return rng;
}

struct Mlp {
  nn::Sequential net{{{"dense1", nn::Dense(784, 512, any())},
                      {"relu1", nn::ReLU()},
                      {"dense2", nn::Dense(512, 256, any())},
                      {"relu2", nn::ReLU()},
                      {"dense3", nn::Dense(256, 10, any())}}};
  optim::Adam adam{net.parameters(), {.learning_rate = 1e-3}};
  Tensor x = fixed({128, 784}, 100, 0, 1);
  Tensor labels = cyclic_labels(128, 10);

  Mlp() { fill_parameters(net.parameters(), 1); }
  Tensor step() {
    Tensor loss = nn::cross_entropy(net(x), labels);
    adam.step(grad(loss, net.parameters()));
    return loss;
  }
};

struct Convnet {
  nn::Sequential net{{{"conv1", nn::Conv2d(1, 32, {.kernel = 3, .padding = 1}, any())},
                      {"relu1", nn::ReLU()},
                      {"pool1", nn::MaxPool2d({.kernel = 2})},
                      {"conv2", nn::Conv2d(32, 64, {.kernel = 3, .padding = 1}, any())},
                      {"relu2", nn::ReLU()},
                      {"pool2", nn::MaxPool2d({.kernel = 2})},
                      {"flat", nn::Flatten()},
                      {"dense1", nn::Dense(3136, 128, any())},
                      {"relu3", nn::ReLU()},
                      {"dense2", nn::Dense(128, 10, any())}}};
  optim::Adam adam{net.parameters(), {.learning_rate = 1e-3}};
  Tensor x = fixed({64, 1, 28, 28}, 100, 0, 1);
  Tensor labels = cyclic_labels(64, 10);

  Convnet() { fill_parameters(net.parameters(), 1); }
  Tensor step() {
    Tensor loss = nn::cross_entropy(net(x), labels);
    adam.step(grad(loss, net.parameters()));
    return loss;
  }
};

nn::Sequential make_generator() {
  return {{"project", nn::Dense(100, 6272, any())},
          {"grid", nn::Reshape({128, 7, 7})},
          {"norm1", nn::BatchNorm2d(128)},
          {"relu1", nn::ReLU()},
          {"up1", nn::ConvTranspose2d(
                      128, 64, {.kernel = 4, .stride = 2, .padding = 1, .bias = false}, any())},
          {"norm2", nn::BatchNorm2d(64)},
          {"relu2", nn::ReLU()},
          {"up2", nn::ConvTranspose2d(64, 1, {.kernel = 4, .stride = 2, .padding = 1}, any())},
          {"tanh", nn::Tanh()}};
}

nn::Conv2d first_convolution() {
  return nn::Conv2d(1, 64, {.kernel = 4, .stride = 2, .padding = 1}, any());
}
nn::Conv2d second_convolution() {
  return nn::Conv2d(64, 128, {.kernel = 4, .stride = 2, .padding = 1, .bias = false}, any());
}

nn::Sequential make_discriminator() {
  return {{"down1", first_convolution()},      {"leaky1", nn::LeakyReLU(0.2)},
          {"down2", second_convolution()},     {"norm", nn::BatchNorm2d(128)},
          {"leaky2", nn::LeakyReLU(0.2)},      {"flat", nn::Flatten()},
          {"judge", nn::Dense(6272, 1, any())}};
}

// Without batch normalisation, which would mix the samples whose gradients are penalised one by
// one.
nn::Sequential make_critic() {
  return {{"down1", first_convolution()},  {"leaky1", nn::LeakyReLU(0.2)},
          {"down2", second_convolution()}, {"leaky2", nn::LeakyReLU(0.2)},
          {"flat", nn::Flatten()},         {"judge", nn::Dense(6272, 1, any())}};
}

struct Dcgan {
  nn::Sequential generator = make_generator();
  nn::Sequential discriminator = make_discriminator();
  optim::Adam generator_adam{generator.parameters(), {.learning_rate = 2e-4, .beta1 = 0.5}};
  optim::Adam discriminator_adam{discriminator.parameters(), {.learning_rate = 2e-4, .beta1 = 0.5}};
  Tensor z = fixed({64, 100}, 100, -1, 1);
  Tensor real = fixed({64, 1, 28, 28}, 101, -1, 1);
  Variables both;
  bool frozen;

  explicit Dcgan(bool frozen_) : frozen(frozen_) {
    fill_parameters(discriminator.parameters(), fill_parameters(generator.parameters(), 1));
    both.add("generator", generator.parameters());
    both.add("discriminator", discriminator.parameters());
  }

  /// The two losses, added.
  double step() {
    const Tensor fake = generator(z);
    const double judged = judge(fake);
    const Tensor fooled = nn::bce_with_logits(discriminator(fake), 1.0);
    if (frozen) {
      generator_adam.step(grad(fooled, generator.parameters()));
    } else {  // the discriminator's gradients too, for nothing, as in the usual tutorial
      Variables gradients;
      const std::size_t prefix = std::string("generator/").size();
      for (const auto& [name, gradient] : grad(fooled, both)) {
        if (name.starts_with("generator/")) gradients.add(name.substr(prefix), gradient);
      }
      generator_adam.step(gradients);
    }
    return judged + fooled.item();
  }

  /// The discriminator's step; its graph goes with it, as the peer's does in its backward pass.
  double judge(const Tensor& fake) {
    const Tensor loss = nn::bce_with_logits(discriminator(real), 1.0) +
                        nn::bce_with_logits(discriminator(detach(fake)), 0.0);
    discriminator_adam.step(grad(loss, discriminator.parameters()));
    return loss.item();
  }
};

struct WganGp {
  nn::Sequential critic = make_critic();
  optim::Adam adam{critic.parameters(), {.learning_rate = 1e-4, .beta1 = 0.0, .beta2 = 0.9}};
  Tensor real = fixed({64, 1, 28, 28}, 101, -1, 1);
  Tensor fake = fixed({64, 1, 28, 28}, 102, -1, 1);
  Tensor mix = fixed({64, 1, 1, 1}, 103, 0, 1);

  WganGp() { fill_parameters(critic.parameters(), 1); }
  Tensor step() {
    const Tensor between = real * mix + fake * (1.0 - mix);
    between.set_requires_grad();
    const Tensor slope = grad({sum(critic(between))}, {between}, {.create_graph = true})[0];
    const Tensor norm = sqrt(sum(square(slope.reshape({64, -1})), {.axes = {1}}) + 1e-12);
    Tensor loss = mean(critic(fake)) - mean(critic(real)) + mean(square(norm - 1.0)) * 10.0;
    adam.step(grad(loss, critic.parameters()));
    return loss;
  }
};

// `make` gives a model anew, `step` one update and its loss.
template <class Make, class Step>
void training(const std::string& name, const std::string& loss, const Make& make,
              const Step& step) {
  if (options().check) {
    auto model = make();
    check_losses(name + loss, [&] { return step(*model); });
  }
  auto model = make();
  measure(name, [&] { step(*model); });
}

template <class Model, class... Arguments>
void train(const std::string& name, const std::string& loss, Arguments... arguments) {
  training(
      name, loss, [&] { return std::make_unique<Model>(arguments...); },
      [](Model& model) {
        if constexpr (std::is_same_v<decltype(model.step()), double>) {
          return model.step();
        } else {
          return model.step().item();
        }
      });
}

// 20 tensors of 500,000 elements, updated with gradients that stay the same.
template <class Make>
void updates(const std::string& name, double streams, const Make& make) {
  Variables parameters, gradients;
  for (int i = 0; i < 20; ++i) {
    std::string key = "p";
    key += std::to_string(i);
    parameters.add(key,
                   fixed({500000}, 1 + static_cast<std::uint64_t>(i), -1, 1).set_requires_grad());
    gradients.add(key, fixed({500000}, 101 + static_cast<std::uint64_t>(i), -1, 1));
  }
  auto optimizer = make(parameters);
  if (options().check) {
    optimizer.step(gradients);
    optimizer.step(gradients);
    check(name + ".mean_abs_p0@2", mean_abs(parameters["p0"]));
  }
  measure(
      name, [&] { optimizer.step(gradients); },
      [streams](double ms) {
        char text[64];
        std::snprintf(text, sizeof text, "GB/s(%.0f streams)=%.1f", streams,
                      0.04 * streams / (ms * 1e-3));
        return std::string(text);
      });
}

}  // namespace

double startup() { return Mlp().step().item(); }

std::vector<Workload> training_workloads() {
  return {
      {{"mlp_step"}, [] { train<Mlp>("mlp_step", ".loss"); }},
      {{"convnet_step"}, [] { train<Convnet>("convnet_step", ".loss"); }},
      {{"dcgan_step"}, [] { train<Dcgan>("dcgan_step", ".D+G.loss", true); }},
      {{"dcgan_step_unfrozen"}, [] { train<Dcgan>("dcgan_step_unfrozen", ".D+G.loss", false); }},
      {{"wgan_gp_step"}, [] { train<WganGp>("wgan_gp_step", ".loss"); }},
      {{"adam_10m"},
       [] {
         updates("adam_10m", 7, [](const Variables& parameters) {
           return optim::Adam(parameters, {.learning_rate = 1e-3});
         });
       }},
      {{"sgd_momentum_10m"}, [] {
         updates("sgd_momentum_10m", 5, [](const Variables& parameters) {
           return optim::Sgd(parameters, {.learning_rate = 1e-3, .momentum = 0.9});
         });
       }}};
}

}  // namespace bench
