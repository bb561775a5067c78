/// The smallest whole program: fits a line to noisy points by gradient descent, and saves it.
#include <cstdio>
#include <mnemo/mnemo.hpp>

int main() {
  using namespace mnemo;
  Rng rng(1);
  const Tensor x = rng.uniform({200, 1}, -1.0, 1.0);
  const Tensor y = 3.0 * x + 0.5 + rng.normal({200, 1}, 0.0, 0.1);

  nn::Dense line(1, 1, rng);
  optim::Sgd optimizer(line.parameters(), {.learning_rate = 0.1, .momentum = 0.9});

  Variables state;  // everything that another process needs in order to go on
  state.add("line", line.variables());
  state.add("optimizer", optimizer.variables());

  for (int step = 1; step <= 100; ++step) {
    const Tensor loss = nn::mse(line(x), y);
    optimizer.step(grad(loss, line.parameters()));
    if (step % 20 == 0) std::printf("step %3d  loss %.5f\n", step, loss.item());
  }
  std::printf("y = %.3f x + %.3f, fitted to points around y = 3 x + 0.5\n", line.weight.item(),
              line.bias.item());
  io::save("fit_line.npz", state);
  std::printf("in Python: numpy.load(\"fit_line.npz\")[\"line/weight\"]\n");
}
