// Single operations and their derivatives.
#include <cstdio>

#include "bench.hpp"

namespace bench {
namespace {

using mnemo::Shape;
using mnemo::Tensor;

std::string rate(const char* unit, double amount, double milliseconds) {
  char text[64];
  std::snprintf(text, sizeof text, "%s=%.1f", unit, amount * 1e-6 / milliseconds);
  return text;
}

Tensor trained(Tensor tensor) {
  tensor.set_requires_grad();
  return tensor;
}

void tiny_graph() {
  const Tensor x0 = trained(fixed({16}, 1, -1, 1));
  const Tensor a = trained(fixed({16}, 2, 0.9, 1.1));
  const Tensor b = trained(fixed({16}, 3, -0.1, 0.1));
  const auto differentiate = [&] {
    Tensor x = x0;
    for (int i = 0; i < 1000; ++i) {
      x = i % 3 == 0 ? x * a : i % 3 == 1 ? x + b : tanh(x);
    }
    return grad(sum(x), {x0, a, b});
  };
  if (options().check) {
    const std::vector<Tensor> gradients = differentiate();
    check("tiny_graph.mean_abs_grad_a", mean_abs(gradients[1]));
    check("tiny_graph.mean_abs_grad_b", mean_abs(gradients[2]));
  }
  measure("tiny_graph", differentiate, [](double ms) { return "us_per_op=" + std::to_string(ms); });
}

// One operation forward, and backward into its inputs from a given gradient.
template <class Operation>
std::vector<Tensor> both_ways(const Operation& operation, const std::vector<Tensor>& inputs,
                              const Tensor& upstream) {
  return grad({operation()}, inputs, {.grad_outputs = {upstream}});
}

void elementwise() {
  const Tensor x = trained(fixed({16777216}, 1, -2, 2));
  const Tensor upstream = fixed({16777216}, 2, -1, 1);
  const auto run = [&] { return both_ways([&] { return tanh(x * 0.5 + 0.1); }, {x}, upstream); };
  if (options().check) check("elementwise_16m.mean_abs_grad", mean_abs(run()[0]));
  measure("elementwise_16m", run);
}

void softmax_rows() {
  const Tensor x = trained(fixed({4096, 1000}, 1, -2, 2));
  const Tensor upstream = fixed({4096, 1000}, 2, -1, 1);
  const auto run = [&] { return both_ways([&] { return softmax(x); }, {x}, upstream); };
  if (options().check) check("softmax_4096x1000.mean_abs_grad", mean_abs(run()[0]));
  measure("softmax_4096x1000", run);
}

void sum_along(std::int64_t axis) {
  const std::string name = "sum_axis" + std::to_string(axis) + "_4096";
  const Tensor x = fixed({4096, 4096}, 1, -1, 1);
  if (options().check) check(name + ".mean_abs", mean_abs(sum(x, {.axes = {axis}})));
  measure(
      name, [&] { sum(x, {.axes = {axis}}); },
      [](double ms) { return rate("GB/s", 4096.0 * 4096 * 4, ms); });
}

void product(std::int64_t side) {
  const std::string name = "matmul_" + std::to_string(side);
  const Tensor a = trained(fixed({side, side}, 1, -1, 1));
  const Tensor b = trained(fixed({side, side}, 2, -1, 1));
  const Tensor upstream = fixed({side, side}, 3, -1, 1);
  const auto run = [&] { return both_ways([&] { return matmul(a, b); }, {a, b}, upstream); };
  if (options().check) {
    const std::vector<Tensor> gradients = run();
    check(name + ".mean_abs_grad_a", mean_abs(gradients[0]));
    check(name + ".mean_abs_grad_b", mean_abs(gradients[1]));
  }
  const double n = static_cast<double>(side);
  measure(name, run, [n](double ms) { return rate("GF/s", 6 * n * n * n, ms); });
}

struct Convolution {
  const char* name;
  bool transposed;
  std::int64_t in, side, out, kernel, stride, padding;
};

void convolution(const Convolution& c) {
  const std::int64_t batch = 64;
  const Tensor x = trained(fixed({batch, c.in, c.side, c.side}, 1, -1, 1));
  const Shape filters = c.transposed ? Shape{c.in, c.out, c.kernel, c.kernel}
                                     : Shape{c.out, c.in, c.kernel, c.kernel};
  const Tensor w = trained(fixed(filters, 2, -0.1, 0.1));
  const auto forward = [&] {
    return c.transposed ? conv_transpose2d(x, w, {}, {.stride = c.stride, .padding = c.padding})
                        : conv2d(x, w, {}, {.stride = c.stride, .padding = c.padding});
  };
  const Tensor y = forward().detach();
  const Tensor upstream = fixed(y.shape(), 3, -1, 1);
  const auto run = [&] { return both_ways(forward, {x, w}, upstream); };
  const std::string name = c.name;
  if (options().check) {
    const std::vector<Tensor> gradients = run();
    check(name + ".mean_abs_y", mean_abs(y));
    check(name + ".mean_abs_grad_x", mean_abs(gradients[0]));
    check(name + ".mean_abs_grad_w", mean_abs(gradients[1]));
  }
  // Multiplications and additions of the sums as they are defined, padding counted in.
  const std::int64_t places = c.transposed ? c.side * c.side : y.size(2) * y.size(3);
  const double work = 6.0 * static_cast<double>(batch * w.elements() * places);
  measure(name, run, [work](double ms) { return rate("GF/s", work, ms); });
}

}  // namespace

std::vector<Workload> operation_workloads() {
  std::vector<Workload> all = {{{"tiny_graph"}, tiny_graph},
                               {{"elementwise_16m"}, elementwise},
                               {{"softmax_4096x1000"}, softmax_rows},
                               {{"sum_axis0_4096"}, [] { sum_along(0); }},
                               {{"sum_axis1_4096"}, [] { sum_along(1); }},
                               {{"matmul_1024"}, [] { product(1024); }},
                               {{"matmul_32"}, [] { product(32); }}};
  for (const Convolution& c : {Convolution{"conv_c64_28_k3", false, 64, 28, 64, 3, 1, 1},
                               Convolution{"conv_c128_14_k3", false, 128, 14, 128, 3, 1, 1},
                               Convolution{"conv_c1_28_k4s2", false, 1, 28, 64, 4, 2, 1},
                               Convolution{"conv_c64_14_k4s2", false, 64, 14, 128, 4, 2, 1},
                               Convolution{"convt_c128_7_k4s2", true, 128, 7, 64, 4, 2, 1}}) {
    all.push_back({{c.name}, [c] { convolution(c); }});
  }
  return all;
}

}  // namespace bench
