#include "mnemo/core/math.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/elementwise.hpp"

namespace mnemo {

using namespace detail;  // its functions of batches beside the functions of tensors

Tensor exp(const Tensor& x) {
  return elementwise(
      "exp", [](const auto& v) { return exp(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * y; }), x);
}

Tensor log(const Tensor& x) {
  return elementwise(
      "log", [](const auto& v) { return log(v); },
      derivatives([](const auto& g, const auto& v, Unused) { return g / v; }), x);
}

Tensor log1p(const Tensor& x) {
  return elementwise(
      "log1p", [](const auto& v) { return log1p(v); },
      derivatives([](const auto& g, const auto& v, Unused) { return g / (1.0 + v); }), x);
}

Tensor sqrt(const Tensor& x) {
  return elementwise(
      "sqrt", [](const auto& v) { return sqrt(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * 0.5 / y; }), x);
}

Tensor square(const Tensor& x) {
  return elementwise(
      "square", [](const auto& v) { return v * v; },
      derivatives([](const auto& g, const auto& v, Unused) { return g * v * 2.0; }), x);
}

Tensor abs(const Tensor& x) {
  return elementwise(
      "abs", [](const auto& v) { return abs(v); },
      derivatives([](const auto& g, const auto& v, Unused) { return g * sign(v); }), x);
}

Tensor sign(const Tensor& x) {
  return elementwise(
      "sign", [](const auto& v) { return sign(v); },
      derivatives([](const auto& g, Unused, Unused) { return g * 0.0; }), x);
}

Tensor sin(const Tensor& x) {
  return elementwise(
      "sin", [](const auto& v) { return sin(v); },
      derivatives([](const auto& g, const auto& v, Unused) { return g * cos(v); }), x);
}

Tensor cos(const Tensor& x) {
  return elementwise(
      "cos", [](const auto& v) { return cos(v); },
      derivatives([](const auto& g, const auto& v, Unused) { return -(g * sin(v)); }), x);
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  const auto share = [](const auto& g, const auto& mine, const auto& other) {
    return where(mine > other, g, where(mine == other, g * 0.5, 0.0));
  };
  return elementwise(
      "maximum", [](const auto& x, const auto& y) { return maximum(x, y); },
      derivatives(
          [share](const auto& g, const auto& x, const auto& y, Unused) { return share(g, x, y); },
          [share](const auto& g, const auto& x, const auto& y, Unused) { return share(g, y, x); }),
      a, b);
}

Tensor maximum(const Tensor& a, double b) {
  return elementwise(
      "maximum", [b](const auto& x) { return maximum(x, b); },
      derivatives([b](const auto& g, const auto& x, Unused) { return where(x > b, g, 0.0); }), a);
}

Tensor tanh(const Tensor& x) {
  return elementwise(
      "tanh", [](const auto& v) { return tanh(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * (1.0 - y * y); }), x);
}

Tensor sigmoid(const Tensor& x) {
  return elementwise(
      "sigmoid", [](const auto& v) { return sigmoid(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * y * (1.0 - y); }), x);
}

Tensor softplus(const Tensor& x) {
  return elementwise(
      "softplus", [](const auto& v) { return maximum(v, 0.0) + log1p(exp(-abs(v))); },
      derivatives([](const auto& g, const auto& v, Unused) { return g * sigmoid(v); }), x);
}

Tensor relu(const Tensor& x) {
  return elementwise(
      "relu", [](const auto& v) { return maximum(v, 0.0); },
      derivatives([](const auto& g, Unused, const auto& y) { return where(y > 0.0, g, 0.0); }), x);
}

Tensor leaky_relu(const Tensor& x, double slope) {
  return elementwise(
      "leaky_relu", [slope](const auto& v) { return where(v > 0.0, v, v * slope); },
      derivatives([slope](const auto& g, const auto& v, Unused) {
        return where(v > 0.0, g, g * slope);
      }),
      x);
}

}  // namespace mnemo
