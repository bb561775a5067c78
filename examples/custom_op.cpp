/// An operation of one's own: "snake", x + sin²(a x) / a (Ziyin, Hartwig and Ueda, "Neural networks fail to
/// learn periodic functions and how to fix it", 2020), with its value in a plain loop and its rule in mnemo's
/// operations. The rule is checked against difference quotients, first and second order; then a network
/// that uses it learns a wave on [-6, 6] and is asked how the wave goes on up to 9.
///
///   custom_op                 checks, trains, and saves its whole state to runs/custom_op/state.npz
///   custom_op --resume        goes on from there, bit for bit
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mnemo/mnemo.hpp>
#include <string>

#include "common/command_line.hpp"
#include "common/plot.hpp"

namespace {

using namespace mnemo;
using namespace examples;

template <class T>
void snake_values(const Tensor& x, const Tensor& a, const Tensor& y) {
  const T slope = *a.data<T>();
  const T* const from = x.data<T>();
  T* const to = y.mutable_data<T>();
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    const T wave = std::sin(slope * from[i]);
    to[i] = from[i] + wave * wave / slope;
  }
}

/// x + sin²(a x) / a for each element of x; `a`, of rank 0, is trained too.
/// d/dx = 1 + sin(2 a x);  d/da = (x sin(2 a x) - sin²(a x) / a) / a.
Tensor snake(const Tensor& x, const Tensor& a) {
  if (x.dtype() != a.dtype() || a.rank() != 0 || !is_differentiable(x.dtype())) {
    throw Error(
        "snake: x and a should be of one dtype, float32 or float64, and a of rank 0; got x " +
        to_string(x.shape()) + " and a " + to_string(a.shape()));
  }
  const Tensor y = empty(x.shape(), x.dtype());
  if (x.dtype() == DType::float32) {
    snake_values<float>(x, a, y);
  } else {
    snake_values<double>(x, a, y);
  }
  // The rule consists of operations that can be differentiated, and so can be differentiated itself.
  const auto rule = [](Pullback& back) {
    const Tensor &g = back.gradient(), &x_ = back.input(0), &a_ = back.input(1);
    back.to(0, [&] { return g * (1.0 + sin(x_ * a_ * 2.0)); });
    back.to(1, [&] { return g * (x_ * sin(x_ * a_ * 2.0) - square(sin(x_ * a_)) / a_) / a_; });
  };
  return record("snake", y, {.inputs = true}, rule, x, a);
}

/// The operation as a layer, with the parameter `slope`.
class Snake : public nn::Layer<Snake> {
 public:
  explicit Snake(double start) : slope(parameter("slope", scalar(start))) {}
  Tensor forward(const Tensor& x) override { return snake(x, slope); }
  std::string describe() const override { return "Snake"; }

  nn::Parameter slope;
};

void check_rule(const Rng& seed) {
  const Tensor x = seed.split("check").normal({3, 4}, 0.0, 1.0, DType::float64);
  const GradientCheck check =
      check_gradients([](const std::vector<Tensor>& at) { return snake(at[0], at[1]); },
                      {x, scalar(0.7, DType::float64)});
  std::printf("%s\n", check.text().c_str());
  if (!check.passed) throw Error("the rule of snake is wrong");
}

/// The wave that is learnt.
Tensor wave(const Tensor& x) { return sin(x * 2.0) + 0.3 * x; }

/// The root of the mean squared error on [from, to].
double error_on(nn::Module& network, double from, double to) {
  const NoGrad no_grad;
  const Tensor x = linspace(from, to, 400).reshape({400, 1});
  return std::sqrt(nn::mse(network(x), wave(x)).item());
}

void draw(nn::Module& network, const std::filesystem::path& path) {
  const NoGrad no_grad;
  const Tensor x = linspace(-6.0, 9.0, 400).reshape({400, 1});
  Plot plot({-6.0, 9.0, "x"}, {-3.0, 4.0, "y"});
  plot.curve(x, wave(x), blue, "wave");
  plot.curve(x, network(x), orange, "network (trained on -6 to 6)");
  plot.write(path);
}

int train(int argc, const char* const* argv) {
  std::int64_t steps = 5000;
  std::int64_t seed_value = 42;
  std::string out = "runs/custom_op";
  bool resume = false;
  CommandLine command_line("custom_op",
                           "Defines an operation, checks its rule, and trains with it.");
  command_line.option("--steps", steps, "Train until this step, counted from the beginning", 1);
  command_line.option("--seed", seed_value, "All random numbers of a new run follow from it", 0);
  command_line.option("--out", out, "Folder for wave.png and state.npz, the whole state");
  command_line.flag("--resume", resume, "Go on from state.npz in --out");
  if (const auto status = command_line.parse(argc, argv)) return *status;

  const Rng seed(static_cast<std::uint64_t>(seed_value));
  check_rule(seed);

  Rng weights = seed.split("weights");
  nn::Sequential network({{"hidden", nn::Dense(1, 32, weights)},
                          {"snake", Snake(2.0)},
                          {"out", nn::Dense(32, 1, weights)}});
  optim::Adam optimizer(network.parameters(), {.learning_rate = 5e-3});
  Rng points = seed.split("points");
  Variables state;
  state.add("network", network.variables());
  state.add("optimizer", optimizer.variables());
  state.add("random/points", points.variables());

  const std::filesystem::path file = std::filesystem::path(out) / "state.npz";
  make_folder(out);
  if (resume) {
    io::load(file, state);
  } else {
    io::save(file, state);  // so that it can be gone on with from its first step
  }

  while (optimizer.steps() < steps) {
    const Tensor x = points.uniform({128, 1}, -6.0, 6.0);
    const Tensor loss = nn::mse(network(x), wave(x));
    optimizer.step(grad(loss, network.parameters()));
    if (optimizer.steps() % 500 == 0 || optimizer.steps() == steps) {
      std::printf("step %5lld  error %.4f on [-6, 6], %.4f on [6, 9], slope %.3f\n",
                  static_cast<long long>(optimizer.steps()), error_on(network, -6.0, 6.0),
                  error_on(network, 6.0, 9.0), network.parameters().at("snake/slope").item());
      io::save(file, state);
    }
  }
  draw(network, std::filesystem::path(out) / "wave.png");
  std::printf("the state is in %s, the picture beside it\n", file.string().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return examples::run_main("custom_op", [&] { return train(argc, argv); });
}
