/// A variational autoencoder (Kingma and Welling, "Auto-encoding variational Bayes", 2014): pictures
/// become 16 numbers each, normally distributed, and pictures again.
///
///   autoencoder               trains, and writes checkpoints, losses and pictures to runs/autoencoder
///   autoencoder --resume      goes on where that was stopped, bit for bit
///
/// Each picture it writes holds four rows of 8: pictures of the data set, what comes back of them, and two rows drawn from
/// random numbers.
#include <array>
#include <cstdint>
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

constexpr std::int64_t code_size = 16;
constexpr std::int64_t columns = 8;

/// Pictures [n, 1, 28, 28] to mean and logarithm of the variance of each code, [n, 2 * 16].
nn::Sequential make_encoder(Rng rng) {
  return nn::Sequential({
      {"down1", nn::Conv2d(1, 32, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"silu1", nn::SiLU()},
      {"down2", nn::Conv2d(32, 64, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"silu2", nn::SiLU()},
      {"flatten", nn::Flatten()},
      {"code", nn::Dense(64 * 7 * 7, 2 * code_size, rng)},
  });
}

/// Codes [n, 16] to logits of the pixels' brightness, [n, 1, 28, 28].
nn::Sequential make_decoder(Rng rng) {
  return nn::Sequential({
      {"project", nn::Dense(code_size, 64 * 7 * 7, rng)},
      {"silu1", nn::SiLU()},
      {"grid", nn::Reshape({64, 7, 7})},
      {"up1", nn::ConvTranspose2d(64, 32, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
      {"silu2", nn::SiLU()},
      {"up2", nn::ConvTranspose2d(32, 1, {.kernel = 4, .stride = 2, .padding = 1}, rng)},
  });
}

/// Bytes [n, 28, 28] to float32 [n, 1, 28, 28], 0 for 0 and 1 for 255.
Tensor normalized(const Tensor& bytes) {
  return cast(bytes, DType::float32).reshape({bytes.size(0), 1, 28, 28}) * (1.0 / 255.0);
}

struct Autoencoder : nn::Layer<Autoencoder> {
  explicit Autoencoder(const Rng& seed)
      : encoder(child("encoder", make_encoder(seed.split("encoder")))),
        decoder(child("decoder", make_decoder(seed.split("decoder")))) {}

  /// What comes back of pictures through the means of their codes.
  Tensor forward(const Tensor& pictures) override {
    return sigmoid(decoder(chunk(encoder(pictures), 2, 1)[0]));
  }

  nn::Child<nn::Sequential> encoder, decoder;
};

/// The negative lower bound of the likelihood, a picture: how badly pictures come back from codes that are
/// drawn at random, and how far the codes' distribution is from the standard normal one.
struct Loss {
  Tensor reconstruction, divergence;
};

Loss loss_of(Autoencoder& model, const Tensor& pictures, Rng& random) {
  const auto count = static_cast<double>(pictures.size(0));
  const std::vector<Tensor> code = chunk(model.encoder(pictures), 2, 1);
  const Tensor &middle = code[0], &log_variance = code[1];
  const Tensor drawn = middle + exp(log_variance * 0.5) * random.normal(middle.shape());
  const Tensor lost =
      nn::bce_with_logits(model.decoder(drawn), pictures, {.reduce = nn::Reduce::sum});
  const Tensor divergence = sum(square(middle) + exp(log_variance) - log_variance - 1.0) * 0.5;
  return {lost / count, divergence / count};
}

int train(int argc, const char* const* argv) {
  RunOptions options{.data = std::string(io::fashion_mnist_folder),
                     .default_epochs = 5,
                     .out = "runs/autoencoder"};
  CommandLine command_line("autoencoder", "Trains a variational autoencoder on 28x28 pictures.");
  add_run_options(command_line, options);
  if (const auto status = command_line.parse(argc, argv)) return *status;
  if (options.threads) set_threads(static_cast<int>(*options.threads));
  catch_stop_signals();

  const Tensor images = load_images(options.data).images;
  const Rng seed(static_cast<std::uint64_t>(options.seed.value_or(RunOptions::default_seed)));
  io::Batches batches({images}, {.size = options.batch.value_or(RunOptions::default_batch),
                                 .drop_last = true,
                                 .seed = seed.seed()});
  Autoencoder model(seed);
  optim::Adam optimizer(model.parameters(), {.learning_rate = 1e-3});
  Rng random = seed.split("codes");

  Variables state;
  state.add("model", model.variables());
  state.add("optimizer", optimizer.variables());
  state.add("random/codes", random.variables());
  state.add("data", data_state(batches, images));
  TrainingRun run(command_line, options, state, {"reconstruction", "divergence"});
  run.begin();
  if (run.resumed()) expect_same_run(options, run, batches, images);

  const Tensor shown = normalized(slice(images, 0, 0, columns));
  const Tensor codes = Rng(batches.seed()).split("samples").normal({2 * columns, code_size});
  const auto write_pictures = [&] {
    const NoGrad no_grad;
    const Tensor rows = concat({shown, model(shown), sigmoid(model.decoder(codes))});
    write_png_grid(run.picture(), rows * 2.0 - 1.0, columns);
  };

  const std::int64_t epochs = options.epochs.value_or(options.default_epochs);
  run.run_until(options.steps ? *options.steps : run.step() + batches.batches_until_epoch(epochs));
  while (run.goes_on()) {
    const auto [reconstruction, divergence] = loss_of(model, normalized(batches.next()[0]), random);
    optimizer.step(grad(reconstruction + divergence, model.parameters()));
    run.log_step(std::array{static_cast<float>(reconstruction.item()),
                            static_cast<float>(divergence.item())});
    if (batches.position() == 0 || !run.goes_on()) write_pictures();
    run.save_if_due();
  }
  run.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("autoencoder", [&] { return train(argc, argv); });
}
