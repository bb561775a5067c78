/// A generator and a critic by the recipe of Gulrajani et al., "Improved training of Wasserstein GANs"
/// (2017): the critic's gradient by its input is kept near length 1, so its loss is differentiated twice.
///
///   wgan_gp                   trains, and writes checkpoints, losses and pictures to runs/wgan_gp
///   wgan_gp --resume          goes on where that was stopped, bit for bit
///
/// The critic makes a step on each batch, the generator on every second: two steps of the critic for each
/// of the generator are enough here, where the paper takes five. Pixels are in [0, 1], so that distances
/// between pictures are about 1 and a penalty of weight 10 holds the gradient close to length 1.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <mnemo/mnemo.hpp>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/continuation.hpp"
#include "common/data.hpp"
#include "common/png.hpp"
#include "common/run.hpp"
#include "common/stop.hpp"

namespace {

using namespace mnemo;
using namespace examples;

constexpr std::int64_t latent_size = 64;
constexpr std::int64_t critic_steps = 2;  // for each of the generator
constexpr double penalty_weight = 10.0;
constexpr std::int64_t sample_count = 64;
constexpr std::int64_t sample_columns = 8;

/// Noise [n, 64] to pictures [n, 1, 28, 28], each pixel in (0, 1).
nn::Sequential make_generator(Rng rng) {
  return nn::Sequential({
      {"project", nn::Dense(latent_size, 64 * 7 * 7, rng)},
      {"grid", nn::Reshape({64, 7, 7})},
      {"norm1", nn::BatchNorm2d(64)},
      {"relu1", nn::ReLU()},
      {"up1",
       nn::ConvTranspose2d(64, 32, {.kernel = 4, .stride = 2, .padding = 1, .bias = false}, rng)},
      {"norm2", nn::BatchNorm2d(32)},
      {"relu2", nn::ReLU()},
      {"up2", nn::ConvTranspose2d(32, 1, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"sigmoid", nn::Sigmoid()},
  });
}

/// Pictures [n, 1, 28, 28] to scores [n, 1]. The penalty is about each picture on its own, so nothing in
/// here may mix those of a batch: no batch normalisation.
nn::Sequential make_critic(Rng rng) {
  return nn::Sequential({
      {"down1", nn::Conv2d(1, 32, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"leaky1", nn::LeakyReLU(0.2)},
      {"down2", nn::Conv2d(32, 64, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"leaky2", nn::LeakyReLU(0.2)},
      {"flatten", nn::Flatten()},
      {"score", nn::Dense(64 * 7 * 7, 1, rng)},
  });
}

/// Bytes [n, 28, 28] as the generator draws them: float32 [n, 1, 28, 28], 0 for 0 and 1 for 255.
Tensor normalized(const Tensor& bytes) {
  return cast(bytes, DType::float32).reshape({bytes.size(0), 1, 28, 28}) * (1.0 / 255.0);
}

struct Wgan {
  explicit Wgan(const Rng& seed)
      : generator(make_generator(seed.split("generator"))),
        critic(make_critic(seed.split("critic"))),
        generator_optimizer(generator.parameters(),
                            {.learning_rate = 5e-4, .beta1 = 0.0, .beta2 = 0.9}),
        critic_optimizer(critic.parameters(), {.learning_rate = 5e-4, .beta1 = 0.0, .beta2 = 0.9}),
        random(seed.split("training")) {}

  Variables variables() const {
    Variables state;
    state.add("generator", generator.variables());
    state.add("critic", critic.variables());
    state.add("generator_optimizer", generator_optimizer.variables());
    state.add("critic_optimizer", critic_optimizer.variables());
    state.add("random/training", random.variables());
    return state;
  }

  Tensor noise(std::int64_t count) { return random.normal({count, latent_size}); }

  /// One step of the critic on real pictures [n, 1, 28, 28]. Returns the distance between real and
  /// generated pictures as it sees them, and the penalty.
  std::array<float, 2> critic_step(const Tensor& real) {
    Tensor fake;
    {
      const NoGrad no_grad;
      fake = generator(noise(real.size(0)));
    }
    const Tensor loss = nn::wasserstein_critic_loss(critic(real), critic(fake));
    const Tensor penalty = nn::gradient_penalty(critic, real, fake, random);
    critic_optimizer.step(grad(loss + penalty * penalty_weight, critic.parameters()));
    return {static_cast<float>(-loss.item()), static_cast<float>(penalty.item())};
  }

  void generator_step(std::int64_t count) {
    const Tensor loss = nn::wasserstein_generator_loss(critic(generator(noise(count))));
    generator_optimizer.step(grad(loss, generator.parameters()));
  }

  /// The mean length of the critic's gradient at pictures.
  double gradient_norm(const Tensor& pictures) {
    const Tensor x = pictures.detach().set_requires_grad();
    return mean(norm(grad(sum(critic(x)), {x})[0], 2.0, {.axes = {1, 2, 3}})).item();
  }

  /// Draws `from` without touching any state: in eval mode batch-norm reads its running statistics.
  Tensor draw(const Tensor& from) {
    const NoGrad no_grad;
    generator.eval();
    const Tensor pictures = generator(from);
    generator.train();
    return pictures;
  }

  nn::Sequential generator;
  nn::Sequential critic;
  optim::Adam generator_optimizer;
  optim::Adam critic_optimizer;
  Rng random;
};

int train(int argc, const char* const* argv) {
  RunOptions options{
      .data = std::string(io::fashion_mnist_folder), .default_epochs = 5, .out = "runs/wgan_gp"};
  CommandLine command_line("wgan_gp",
                           "Trains a Wasserstein GAN with gradient penalty on 28x28 pictures.");
  add_run_options(command_line, options);
  if (const auto status = command_line.parse(argc, argv)) return *status;
  if (options.threads) set_threads(static_cast<int>(*options.threads));
  catch_stop_signals();

  const Tensor images = load_images(options.data).images;
  const Rng seed(static_cast<std::uint64_t>(options.seed.value_or(RunOptions::default_seed)));
  io::Batches batches({images}, {.size = options.batch.value_or(RunOptions::default_batch),
                                 .drop_last = true,
                                 .seed = seed.seed()});
  Wgan model(seed);
  Variables state = model.variables();
  state.add("data", data_state(batches, images));
  TrainingRun run(command_line, options, state, {"distance", "penalty"});
  run.begin();
  if (run.resumed()) expect_same_run(options, run, batches, images);

  const Tensor fixed = Rng(batches.seed()).split("samples").normal({sample_count, latent_size});
  const std::int64_t epochs = options.epochs.value_or(options.default_epochs);
  run.run_until(options.steps ? *options.steps : run.step() + batches.batches_until_epoch(epochs));
  while (run.goes_on()) {
    const Tensor real = normalized(batches.next()[0]);
    run.log_step(model.critic_step(real));
    if (run.step() % critic_steps == 0) model.generator_step(real.size(0));
    if (batches.position() == 0 || !run.goes_on()) {
      const Tensor pictures = model.draw(fixed);
      write_png_grid(run.picture(), pictures * 2.0 - 1.0, sample_columns);
      char line[100];
      std::snprintf(line, sizeof line,
                    "after step %lld: gradient of length %.3f at real, %.3f at generated",
                    static_cast<long long>(run.step()), model.gradient_norm(real),
                    model.gradient_norm(pictures));
      run.note(line);
    }
    run.save_if_due();
  }
  run.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("wgan_gp", [&] { return train(argc, argv); });
}
