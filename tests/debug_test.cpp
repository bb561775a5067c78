#include "mnemo/core/debug.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("the operation whose forward pass first made a number that is not finite is named") {
  const Tensor x = tensor<double>({1, 0, 2, -1}).reshape({2, 2});
  CHECK(std::isinf(log(abs(x)).at({0, 1})));  // unwatched, nothing is said
  const DetectNonFinite scope;
  CHECK(
      error_of([&] { exp(square(log(abs(x)))); }) ==
      "log: the forward pass gave -inf at [0, 1] of its result [2, 2] from finite inputs ([2, 2])");
  CHECK(error_of([&] { x / abs(x); }).find("div: the forward pass gave nan at [0, 1]") == 0);
  // Infinities that were there before are nobody's fault.
  CHECK(error_of([&] { square(tensor<double>({INFINITY})) + 1.0; }) == "");
  CHECK(error_of([&] { exp(x); }) == "");
}

TEST_CASE("the operation whose backward pass first made one is named, also under create_graph") {
  const Tensor x = tensor<double>({4, 0});
  x.set_requires_grad();
  for (const bool create_graph : {false, true}) {
    const DetectNonFinite scope;
    const Tensor y = sum(square(sqrt(x)) * 3.0);
    CHECK(error_of([&] {
            grad(y, {x}, {.create_graph = create_graph});
          }).find("sqrt: the backward pass gave nan at [1] of the gradient of input 0 [2]") == 0);
    CHECK(error_of([&] { log(zeros({1})); }).find("log") == 0);  // still watching
  }
  CHECK(error_of([&] { grad(sum(sqrt(x)), {x}); }) == "");
}

TEST_CASE("to_dot shows each operation and each parameter once") {
  const Tensor w = ones({2, 3});
  w.set_requires_grad();
  Variables names;
  names.add("layer/weight", w);
  const Tensor y = sum(tanh(w) * w);
  const std::string text = to_dot(y, names);
  CHECK(text ==
        "digraph mnemo {\n"
        "  n0 [label=\"sum [] float32\"];\n"
        "  n1 -> n0;\n"
        "  n1 [label=\"mul [2, 3] float32\"];\n"
        "  n2 -> n1;\n"
        "  n3 -> n1;\n"
        "  n3 [label=\"layer/weight [2, 3] float32\", shape=box];\n"
        "  n2 [label=\"tanh [2, 3] float32\"];\n"
        "  n3 -> n2;\n"
        "}\n");
  CHECK(to_dot(y).find("leaf [2, 3]") != std::string::npos);
  CHECK(error_of([&] { to_dot(w.detach()); }).find("not recorded") != std::string::npos);
}
