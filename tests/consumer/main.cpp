// A user's first program: fits a line and prints what it has learnt.
#include <mnemo/mnemo.hpp>

#include <cmath>
#include <cstdio>

int main() {
  using namespace mnemo;
  const Tensor x = Rng(1).normal({256});
  const Tensor y = 3.0 * x + 0.5;

  const Tensor slope = scalar(0.0);
  const Tensor offset = scalar(0.0);
  slope.set_requires_grad();
  offset.set_requires_grad();
  for (int step = 0; step < 200; ++step) {
    const Tensor error = slope * x + offset - y;
    const auto gradients = grad(mean(error * error), {slope, offset});
    NoGrad pause;
    slope.assign(slope - 0.1 * gradients[0]);
    offset.assign(offset - 0.1 * gradients[1]);
  }
  std::printf("mnemo %s: slope %.4f, offset %.4f\n", std::string(version()).c_str(), slope.item(),
              offset.item());
  return std::abs(slope.item() - 3.0) < 1e-3 && std::abs(offset.item() - 0.5) < 1e-3 ? 0 : 1;
}
