/// A small dense network learns to tell two interleaved half circles apart, and draws where it would put
/// the border between them while it learns.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mnemo/mnemo.hpp>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/plot.hpp"

namespace {

using namespace mnemo;
using namespace examples;

constexpr std::int64_t points = 600;

struct Moons {
  Tensor points;  // [points, 2]: those of the upper moon, then those of the lower
  Tensor labels;  // [points, 1], 0 for the upper moon, 1 for the lower
};

Moons make_moons(Rng& rng) {
  const Tensor angle = rng.uniform({points / 2}, 0.0, 3.14159265358979);
  const Tensor across = cos(angle), up = sin(angle);
  const Tensor moons = concat({stack({across, up}, 1), stack({1.0 - across, 0.5 - up}, 1)});
  return {moons + rng.normal({points, 2}, 0.0, 0.12),
          concat({zeros({points / 2, 1}), ones({points / 2, 1})})};
}

/// How sure the net is of either class everywhere, and the points on top.
void draw(nn::Module& net, const Moons& moons, const std::filesystem::path& path) {
  const NoGrad no_grad;
  Plot plot({-1.5, 2.5, "x"}, {-1.1, 1.6, "y"});
  plot.background(sigmoid(net(plot.pixel_points())));
  const std::vector<Tensor> columns = split(moons.points, 1, 1);
  const std::vector<Tensor> x = chunk(columns[0], 2), y = chunk(columns[1], 2);
  plot.dots(x[0], y[0], orange, "upper moon");
  plot.dots(x[1], y[1], blue, "lower moon");
  plot.write(path);
}

double accuracy(nn::Module& net, const Moons& moons) {
  const NoGrad no_grad;
  const Tensor right = (net(moons.points) > 0.0) == (moons.labels > 0.5);
  return mean(cast(right, DType::float32)).item();
}

int train(int argc, const char* const* argv) {
  std::int64_t steps = 1000;
  std::int64_t seed = 42;
  std::string out = "runs/two_moons";
  CommandLine command_line("two_moons",
                           "Learns to tell two half circles apart, and draws the border.");
  command_line.option("--steps", steps, "Train for N steps", 1);
  command_line.option("--seed", seed, "All random numbers follow from it", 0);
  command_line.option("--out", out, "Folder for the pictures and the trained network");
  if (const auto status = command_line.parse(argc, argv)) return *status;

  Rng rng(static_cast<std::uint64_t>(seed));
  const Moons moons = make_moons(rng);
  nn::Sequential net({{"hidden1", nn::Dense(2, 32, rng)},
                      {"tanh1", nn::Tanh()},
                      {"hidden2", nn::Dense(32, 32, rng)},
                      {"tanh2", nn::Tanh()},
                      {"out", nn::Dense(32, 1, rng)}});
  optim::Adam optimizer(net.parameters(), {.learning_rate = 5e-3});
  std::printf("%s\n", net.summary().c_str());

  const std::filesystem::path folder = out;
  make_folder(folder);
  std::int64_t next = 1;  // 1, 3, 9, ...: most happens early
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Tensor loss = nn::bce_with_logits(net(moons.points), moons.labels);
    optimizer.step(grad(loss, net.parameters()));
    if (step != next && step != steps) continue;
    next *= 3;
    std::string name = std::to_string(step);
    name.insert(0, name.size() < 5 ? 5 - name.size() : 0, '0');
    draw(net, moons, folder / ("border_" + name + ".png"));
    std::printf("step %5lld  loss %.5f  right %5.1f %%\n", static_cast<long long>(step),
                loss.item(), 100.0 * accuracy(net, moons));
  }
  io::save(folder / "net.npz", net.variables());
  std::printf("pictures and net.npz are in %s\n", out.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("two_moons", [&] { return train(argc, argv); });
}
