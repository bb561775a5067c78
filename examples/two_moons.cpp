/// A small dense network learns to tell two interleaved half circles apart, and draws where it would put
/// the border between them while it learns.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mnemo/mnemo.hpp>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/png.hpp"

namespace {

using namespace mnemo;
using namespace examples;

constexpr std::int64_t points = 600;
constexpr std::int64_t picture_width = 480;
constexpr std::int64_t picture_height = 320;
// What the picture shows: x from -1.5 to 2.5, y from -1.1 to about 1.6.
constexpr double left = -1.5;
constexpr double top = 1.6;
constexpr double unit = 4.0 / picture_width;

struct Moons {
  Tensor points;  // [points, 2]
  Tensor labels;  // [points, 1], 0 for the upper moon, 1 for the lower
};

Moons make_moons(Rng& rng) {
  const Tensor angle = rng.uniform({points}, 0.0, 3.14159265358979);
  Moons moons{rng.normal({points, 2}, 0.0, 0.12), zeros({points, 1})};
  const auto at = moons.points.mutable_span<float>();
  const auto label = moons.labels.mutable_span<float>();
  for (std::size_t i = 0; i < points; ++i) {
    const bool lower = i % 2 == 1;
    const float a = angle.data<float>()[i];
    at[2 * i] += lower ? 1.0f - std::cos(a) : std::cos(a);
    at[2 * i + 1] += lower ? 0.5f - std::sin(a) : std::sin(a);
    label[i] = lower ? 1.0f : 0.0f;
  }
  return moons;
}

/// The points in the middle of each pixel, [height * width, 2].
Tensor pixel_points() {
  const Tensor pixels = empty({picture_height * picture_width, 2});
  float* value = pixels.mutable_data<float>();
  for (std::int64_t row = 0; row < picture_height; ++row) {
    for (std::int64_t column = 0; column < picture_width; ++column) {
      *value++ = static_cast<float>(left + unit * (static_cast<double>(column) + 0.5));
      *value++ = static_cast<float>(top - unit * (static_cast<double>(row) + 0.5));
    }
  }
  return pixels;
}

using Color = std::array<float, 3>;
constexpr Color orange{230, 120, 20};
constexpr Color blue{30, 100, 200};

/// Each pixel in the colour of the class that the net believes in, paler the less it does, and the
/// points on top.
void draw(nn::Module& net, const Moons& moons, const std::filesystem::path& path) {
  const NoGrad no_grad;
  const Tensor probability = sigmoid(net(pixel_points()));
  std::vector<std::uint8_t> pixels;
  for (const float p : probability.span<float>()) {
    const Color& color = p < 0.5f ? orange : blue;
    const float strength = std::abs(2.0f * p - 1.0f) * 0.6f;
    for (const float part : color) {
      pixels.push_back(static_cast<std::uint8_t>(255.0f + strength * (part - 255.0f)));
    }
  }
  for (std::int64_t i = 0; i < points; ++i) {
    const auto column = static_cast<std::int64_t>((moons.points.at({i, 0}) - left) / unit);
    const auto row = static_cast<std::int64_t>((top - moons.points.at({i, 1})) / unit);
    const Color& color = moons.labels.at({i, 0}) == 0.0 ? orange : blue;
    for (std::int64_t y = std::max<std::int64_t>(row - 1, 0);
         y <= std::min(row + 1, picture_height - 1); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(column - 1, 0);
           x <= std::min(column + 1, picture_width - 1); ++x) {
        for (std::size_t part = 0; part < 3; ++part) {
          pixels[static_cast<std::size_t>(y * picture_width + x) * 3 + part] =
              static_cast<std::uint8_t>(color[part]);
        }
      }
    }
  }
  write_png(path, pixels, picture_width, picture_height, 3);
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
  std::filesystem::create_directories(folder);
  const std::int64_t every = std::max<std::int64_t>(steps / 5, 1);
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Tensor loss = nn::bce_with_logits(net(moons.points), moons.labels);
    optimizer.step(grad(loss, net.parameters()));
    if (step % every != 0 && step != 1 && step != steps) continue;
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
