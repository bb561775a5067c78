/// The smallest whole program: fits a line to noisy points by gradient descent, draws it, and saves all.
#include <cstdio>
#include <mnemo/mnemo.hpp>

#include "common/command_line.hpp"
#include "common/plot.hpp"

int main() {
  using namespace mnemo;
  return examples::run_main("fit_line", [] {
    Rng rng(1);
    const Tensor x = rng.uniform({200, 1}, -1.0, 1.0);
    const Tensor y = 3.0 * x + 0.5 + rng.normal({200, 1}, 0.0, 0.3);

    nn::Dense line(1, 1, rng);
    optim::Sgd optimizer(line.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
    for (int step = 1; step <= 100; ++step) {
      const Tensor loss = nn::mse(line(x), y);
      optimizer.step(grad(loss, line.parameters()));
      if (step % 20 == 0) std::printf("step %3d  loss %.5f\n", step, loss.item());
    }
    io::save("runs/fit_line/state.npz", TrainingState{{"line", line}, {"optimizer", optimizer}});
    std::printf("y = %.3f x + %.3f, see runs/fit_line\n", line.weight.item(), line.bias.item());
    examples::Plot plot({-1.0, 1.0, "x"}, {-4.0, 5.0, "y"});
    plot.dots(x, y, examples::blue, "points");
    plot.curve(x, line(x), examples::orange, "fitted line");
    plot.write("runs/fit_line/line.png");
    return 0;
  });
}
