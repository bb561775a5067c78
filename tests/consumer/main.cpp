// A user's first program: fits a line, saves it, reads it back, and prints what it has learnt. It takes
// something of each library that mnemo is linked with.
#include <mnemo/mnemo.hpp>

#include <cmath>
#include <cstdio>

int main() {
  using namespace mnemo;
  Rng rng(1);
  const Tensor x = rng.normal({256, 1});
  const Tensor y = 3.0 * x + 0.5;

  nn::Dense line(1, 1, rng);
  optim::Adam optimizer(line.parameters(), {.learning_rate = 0.1});
  for (int step = 0; step < 400; ++step) {
    optimizer.step(grad(nn::mse(line(x), y), line.parameters()));
  }
  io::save("line.npz", line.variables(), {.compression = io::Compression::deflate});
  io::write_png("line.png", zeros({4, 4}, DType::uint8));

  nn::Dense again(1, 1, rng);
  io::load("line.npz", again.variables());
  const double slope = again.weight.item(), offset = again.bias.item();
  std::printf("mnemo %s: slope %.4f, offset %.4f\n", std::string(version()).c_str(), slope, offset);
  return std::abs(slope - 3.0) < 1e-3 && std::abs(offset - 0.5) < 1e-3 ? 0 : 1;
}
