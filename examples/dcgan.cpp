/// Learns to draw clothes: a generator and a discriminator train each other on Fashion-MNIST, by the
/// recipe of Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional
/// generative adversarial networks" (2016), in a size that two processor cores train in minutes.
///
///   dcgan                     trains, and writes checkpoints, losses and pictures to runs/dcgan
///   dcgan --resume            goes on where that was stopped, killed or finished, bit for bit
#include <array>
#include <cstdint>
#include <future>
#include <mnemo/mnemo.hpp>
#include <string>

#include "common/command_line.hpp"
#include "common/continuation.hpp"
#include "common/data.hpp"
#include "common/png.hpp"
#include "common/run.hpp"
#include "common/stop.hpp"

namespace {

using namespace mnemo;
using namespace examples;

constexpr std::int64_t latent_size = 100;
constexpr std::int64_t sample_count = 64;
constexpr std::int64_t sample_columns = 8;

/// Where the weights start: normal, with a quarter of the paper's deviation of 0.02. Batch normalisation
/// makes the size of the weights before it irrelevant, and Adam's steps have a fixed length, so they turn
/// small weights faster: the pictures after one epoch are much clearer. (From the layers' own first
/// weights, which are larger still, the discriminator is far ahead for the first few hundred steps.)
const nn::Initializer small = nn::init::normal(0.0, 0.005);

/// Height and width are halved by a convolution and doubled by a transposed one. Where batch
/// normalisation follows, which subtracts the mean, a bias would do nothing.
nn::Conv2dOptions halving(bool bias) {
  return {.kernel = 4, .stride = 2, .padding = 1, .bias = bias, .weight_initializer = small};
}
nn::ConvTranspose2dOptions doubling(bool bias) {
  return {.kernel = 4, .stride = 2, .padding = 1, .bias = bias, .weight_initializer = small};
}

/// Noise [n, 100] to pictures [n, 1, 28, 28], each pixel in (-1, 1).
nn::Sequential make_generator(Rng rng) {
  return nn::Sequential({
      {"project", nn::Dense(latent_size, 128 * 7 * 7, rng, {.weight_initializer = small})},
      {"grid", nn::Reshape({128, 7, 7})},
      {"norm1", nn::BatchNorm2d(128)},
      {"relu1", nn::ReLU()},
      {"up1", nn::ConvTranspose2d(128, 64, doubling(false), rng)},
      {"norm2", nn::BatchNorm2d(64)},
      {"relu2", nn::ReLU()},
      {"up2", nn::ConvTranspose2d(64, 1, doubling(true), rng)},
      {"tanh", nn::Tanh()},
  });
}

/// Pictures [n, 1, 28, 28] to logits [n, 1]: above 0 where a picture looks real.
nn::Sequential make_discriminator(Rng rng) {
  return nn::Sequential({
      {"down1", nn::Conv2d(1, 64, halving(true), rng)},
      {"leaky1", nn::LeakyReLU(0.2)},
      {"down2", nn::Conv2d(64, 128, halving(false), rng)},
      {"norm2", nn::BatchNorm2d(128)},
      {"leaky2", nn::LeakyReLU(0.2)},
      {"flatten", nn::Flatten()},
      {"logit", nn::Dense(128 * 7 * 7, 1, rng, {.weight_initializer = small})},
  });
}

/// Bytes [n, 28, 28] as the generator draws them: float32 [n, 1, 28, 28], -1 for 0 and 1 for 255.
Tensor normalized(const Tensor& bytes) {
  return cast(bytes, DType::float32).reshape({bytes.size(0), 1, 28, 28}) * (2.0 / 255.0) - 1.0;
}

/// The two networks, their optimizers and the random numbers: everything that training changes, apart
/// from the position in the data.
struct Dcgan {
  explicit Dcgan(const Rng& seed)
      : generator(make_generator(seed.split("generator"))),
        discriminator(make_discriminator(seed.split("discriminator"))),
        generator_optimizer(generator.parameters(), {.learning_rate = 2e-4, .beta1 = 0.5}),
        discriminator_optimizer(discriminator.parameters(), {.learning_rate = 2e-4, .beta1 = 0.5}),
        latent(seed.split("latent")) {}

  Variables variables() const {
    Variables state;
    state.add("generator", generator.variables());
    state.add("discriminator", discriminator.variables());
    state.add("generator_optimizer", generator_optimizer.variables());
    state.add("discriminator_optimizer", discriminator_optimizer.variables());
    state.add("random/latent", latent.variables());
    return state;
  }

  /// Real pictures and generated ones, each [n, 1, 28, 28]. Returns the loss; what grad needed is freed
  /// with the function's tensors, before the generator's turn.
  double discriminator_step(const Tensor& real, const Tensor& fake) {
    // Two statements: in one sum the compiler would choose which batch the running statistics see first.
    const Tensor real_loss = nn::bce_with_logits(discriminator(real), 1.0);
    const Tensor fake_loss = nn::bce_with_logits(discriminator(detach(fake)), 0.0);
    const Tensor loss = real_loss + fake_loss;
    discriminator_optimizer.step(grad(loss, discriminator.parameters()));
    return loss.item();
  }

  /// Judged by the discriminator as it is now; grad leaves its own parameters' gradients out.
  double generator_step(const Tensor& fake) {
    const Tensor loss = nn::bce_with_logits(discriminator(fake), 1.0);
    generator_optimizer.step(grad(loss, generator.parameters()));
    return loss.item();
  }

  /// One step of each network. Returns the losses of discriminator and generator.
  std::array<float, 2> step(const Tensor& real) {
    const Tensor fake = generator(latent.normal({real.size(0), latent_size}));
    const double discriminator_loss = discriminator_step(real, fake);
    return {static_cast<float>(discriminator_loss), static_cast<float>(generator_step(fake))};
  }

  /// Draws `noise` without touching any state: in eval mode batch-norm reads its running statistics.
  Tensor draw(const Tensor& noise) {
    const NoGrad no_grad;
    generator.eval();
    const Tensor pictures = generator(noise);
    generator.train();
    return pictures;
  }

  nn::Sequential generator;
  nn::Sequential discriminator;
  optim::Adam generator_optimizer;
  optim::Adam discriminator_optimizer;
  Rng latent;
};

int train(int argc, const char* const* argv) {
  RunOptions options{
      .data = std::string(io::fashion_mnist_folder), .default_epochs = 5, .out = "runs/dcgan"};
  std::int64_t sample_every = 100;
  CommandLine command_line("dcgan", "Trains a DCGAN on 28x28 pictures and shows what it draws.");
  add_run_options(command_line, options);
  command_line.option(
      "--sample-every", sample_every,
      "Write a picture every N steps, after each epoch and at the end; 0 leaves out the first", 0);
  if (const auto status = command_line.parse(argc, argv)) return *status;
  if (options.threads) set_threads(static_cast<int>(*options.threads));
  catch_stop_signals();

  // Read on a thread of its own, while this one draws the first weights.
  auto data = std::async(std::launch::async, load_images, options.data);
  const Rng seed(static_cast<std::uint64_t>(options.seed.value_or(RunOptions::default_seed)));
  Dcgan model(seed);
  const Tensor images = data.get().images;
  io::Batches batches({images}, {.size = options.batch.value_or(RunOptions::default_batch),
                                 .drop_last = true,
                                 .seed = seed.seed()});

  Variables state = model.variables();
  state.add("data", data_state(batches, images));
  TrainingRun run(command_line, options, state, {"discriminator_loss", "generator_loss"});
  run.begin();
  if (run.resumed()) expect_same_run(options, run, batches, images);

  // The same noise whenever pictures are drawn, so that they can be compared; it follows from the seed
  // alone, and drawing takes nothing from the numbers that training uses.
  const Tensor noise = Rng(batches.seed()).split("samples").normal({sample_count, latent_size});
  const auto write_samples = [&] {
    write_png_grid(run.picture(), model.draw(noise), sample_columns);
  };

  const std::int64_t epochs = options.epochs.value_or(options.default_epochs);
  run.run_until(options.steps ? *options.steps : run.step() + batches.batches_until_epoch(epochs));
  while (run.goes_on()) {
    const std::array<float, 2> losses = model.step(normalized(batches.next()[0]));
    run.log_step(losses);
    const bool epoch_ended = batches.position() == 0;
    const bool due = sample_every > 0 && run.step() % sample_every == 0;
    if (epoch_ended || due || !run.goes_on()) write_samples();
    run.save_if_due();
  }
  run.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("dcgan", [&] { return train(argc, argv); });
}
