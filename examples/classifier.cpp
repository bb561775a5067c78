/// Tells clothes apart: a small convolutional network learns the ten classes of Fashion-MNIST, and is held
/// against the test pictures after each epoch. Those are never trained on, and nothing is chosen by them.
///
///   classifier                trains for 12 epochs, with checkpoints and losses in runs/classifier
///   classifier --resume       goes on where that was stopped, bit for bit
///
/// In training each picture is mirrored by chance and moved by up to two pixels; testing sees it as it is.
#include <algorithm>
#include <array>
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

constexpr std::int64_t side = 28;
constexpr std::int64_t pixels = side * side;
constexpr std::int64_t most_shift = 2;

/// A 3x3 convolution, its normalisation and ReLU. The mean is subtracted, so a bias would do nothing.
nn::Sequential block(std::int64_t in, std::int64_t out, Rng& rng) {
  return nn::Sequential(
      {{"conv",
        nn::Conv2d(
            in, out,
            {.kernel = 3, .padding = 1, .bias = false, .weight_initializer = nn::init::he_normal()},
            rng)},
       {"norm", nn::BatchNorm2d(out)},
       {"relu", nn::ReLU()}});
}

/// Pictures [n, 1, 28, 28] to logits [n, 10].
nn::Sequential make_network(Rng rng) {
  return nn::Sequential({
      {"block1", block(1, 32, rng)},
      {"pool1", nn::MaxPool2d({.kernel = 2})},
      {"block2", block(32, 64, rng)},
      {"block3", block(64, 64, rng)},
      {"pool2", nn::MaxPool2d({.kernel = 2})},
      {"block4", block(64, 128, rng)},
      {"block5", nn::Residual(block(128, 128, rng))},
      {"mean", nn::AdaptiveAvgPool2d(1)},
      {"flatten", nn::Flatten()},
      {"dropout", nn::Dropout(0.2, rng.split("dropout"))},
      {"logits", nn::Dense(128, 10, rng)},
  });
}

/// Bytes [n, 28, 28] to float32 [n, 1, 28, 28] with the mean and deviation of Fashion-MNIST's training
/// pictures taken off.
Tensor normalized(const Tensor& bytes) {
  const Tensor values = cast(bytes, DType::float32).reshape({bytes.size(0), 1, side, side});
  return (values * (1.0 / 255.0) - 0.2860) * (1.0 / 0.3530);
}

/// Each picture [n, 28, 28] moved by up to two pixels in either direction and mirrored every other time.
Tensor augmented(const Tensor& bytes, Rng& rng) {
  const std::int64_t count = bytes.size(0);
  const Tensor shifts = rng.integers({count, 2}, -most_shift, most_shift + 1);
  const Tensor mirrored = rng.integers({count}, 0, 2);
  const Tensor result = zeros(bytes.shape(), DType::uint8);
  const std::uint8_t* from = bytes.data<std::uint8_t>();
  std::uint8_t* to = result.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < count; ++i, from += pixels, to += pixels) {
    const std::int64_t down = shifts.data<std::int64_t>()[2 * i];
    const std::int64_t right = shifts.data<std::int64_t>()[2 * i + 1];
    const bool mirror = mirrored.data<std::int64_t>()[i] == 1;
    for (std::int64_t y = std::max<std::int64_t>(0, down); y < std::min(side, side + down); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(0, right); x < std::min(side, side + right);
           ++x) {
        const std::int64_t source = x - right;
        to[y * side + x] = from[(y - down) * side + (mirror ? side - 1 - source : source)];
      }
    }
  }
  return result;
}

struct Data {
  io::ImageSet train, test;
};

/// The generated data set has no test pictures: its last sixth takes their place.
Data load(const std::string& folder) {
  Data data{load_images(folder), {}};
  if (folder != "synthetic") {
    data.test = io::read_fashion_mnist(folder, io::Split::test);
    return data;
  }
  const std::int64_t border = data.train.images.size(0) / 6 * 5;
  data.test = {slice(data.train.images, 0, border), slice(data.train.labels, 0, border)};
  data.train = {slice(data.train.images, 0, 0, border), slice(data.train.labels, 0, 0, border)};
  return data;
}

double right_share(const Tensor& named, const Tensor& labels) {
  return mean(cast(named == labels, DType::float32)).item();
}

/// What the network, in evaluation mode, takes each of the pictures for: labels [n].
Tensor names(nn::Module& network, const Tensor& images) {
  const NoGrad no_grad;
  network.eval();
  std::vector<Tensor> parts;
  for (const Tensor& part : split(images, 500)) {
    parts.push_back(argmax(network(normalized(part)), 1));
  }
  network.train();
  return concat(parts);
}

int train(int argc, const char* const* argv) {
  RunOptions options{.data = std::string(io::fashion_mnist_folder),
                     .default_epochs = 12,
                     .out = "runs/classifier"};
  CommandLine command_line("classifier", "Learns to name the clothes of Fashion-MNIST.");
  add_run_options(command_line, options);
  if (const auto status = command_line.parse(argc, argv)) return *status;
  if (options.threads) set_threads(static_cast<int>(*options.threads));
  catch_stop_signals();

  const Data data = load(options.data);
  const Rng seed(static_cast<std::uint64_t>(options.seed.value_or(RunOptions::default_seed)));
  io::Batches batches(
      {data.train.images, data.train.labels},
      {.size = options.batch.value_or(128), .drop_last = true, .seed = seed.seed()});
  nn::Sequential network = make_network(seed.split("network"));
  Rng augment = seed.split("augment");
  optim::AdamW optimizer(network.parameters(), {.learning_rate = 5e-3, .weight_decay = 2e-2});
  // The rate follows --epochs alone, so that --steps can stop early and the run go on from there.
  const std::int64_t steps =
      batches.batches_until_epoch(options.epochs.value_or(options.default_epochs));
  optim::Schedule schedule(optimizer, optim::one_cycle(steps, {.rising = 0.25}));

  Variables state;
  state.add("network", network.variables());
  state.add("optimizer", optimizer.variables());
  state.add("schedule", schedule.variables());
  state.add("random/augment", augment.variables());
  state.add("data", data_state(batches, data.train.images));
  TrainingRun run(command_line, options, state, {"loss", "train_accuracy"});
  run.begin();
  if (run.resumed()) {
    expect_same_run(options, run, batches, data.train.images);
    schedule.apply();
  } else {
    run.note(network.summary({1, 1, side, side}));
  }

  run.run_until(options.steps.value_or(steps));
  while (run.goes_on()) {
    const std::vector<Tensor> batch = batches.next();
    const Tensor logits = network(normalized(augmented(batch[0], augment)));
    const Tensor loss = nn::cross_entropy(logits, batch[1], {.label_smoothing = 0.05});
    optimizer.step(grad(loss, network.parameters()));
    schedule.step();
    run.log_step(std::array{static_cast<float>(loss.item()),
                            static_cast<float>(right_share(argmax(logits, 1), batch[1]))});
    if (batches.position() == 0 || !run.goes_on()) {
      const Tensor named = names(network, data.test.images);
      char line[80];
      std::snprintf(line, sizeof line, "after %lld epochs: %.4f of the test pictures right",
                    static_cast<long long>(batches.epoch()), right_share(named, data.test.labels));
      run.note(line);
      write_mistakes(run.picture(), data.test, named);
    }
    run.save_if_due();
  }
  run.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("classifier", [&] { return train(argc, argv); });
}
