#include "mnemo/core/math.hpp"

#include <cmath>
#include <numbers>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/elementwise.hpp"

namespace mnemo {

using namespace detail;  // its functions of batches beside the functions of tensors

static Tensor exp_of(Tensor* spent, const Tensor& x) {
  return elementwise(
      "exp", [](const auto& v) { return exp(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * y; }), spent, x);
}
Tensor exp(const Tensor& x) { return exp_of(nullptr, x); }
Tensor exp(Tensor&& x) { return exp_of(&x, x); }

Tensor expm1(const Tensor& x) {
  return elementwise(
      "expm1", [](const auto& v) { return expm1(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * (y + 1.0); }), x);
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

Tensor rsqrt(const Tensor& x) {
  return elementwise(
      "rsqrt", [](const auto& v) { return 1.0 / sqrt(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * (y * y * y) * -0.5; }), x);
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

Tensor erf(const Tensor& x) {
  return elementwise(
      "erf", [](const auto& v) { return erf(v); },
      derivatives([](const auto& g, const auto& v, Unused) {
        return g * exp(-(v * v)) * (2.0 * std::numbers::inv_sqrtpi);
      }),
      x);
}

Tensor pow(const Tensor& a, const Tensor& b) {
  return elementwise(
      "pow", [](const auto& x, const auto& y) { return pow(x, y); },
      derivatives([](const auto& g, const auto& x, const auto& y,
                     Unused) { return where(y == 0.0, g * 0.0, g * y * pow(x, y - 1.0)); },
                  [](const auto& g, const auto& x, const auto& y, const auto& z) {
                    return where((x == 0.0) && (y >= 0.0), g * 0.0, g * z * log(x));
                  }),
      a, b);
}

Tensor pow(const Tensor& a, double b) {
  if (b == 2.0) return square(a);
  return elementwise(
      "pow", [b](const auto& x) { return pow(x, b); },
      derivatives([b](const auto& g, const auto& x, Unused) {
        return b == 0.0 ? g * 0.0 : g * pow(x, b - 1.0) * b;
      }),
      a);
}

Tensor pow(double a, const Tensor& b) {
  const double log_base = a == 0.0 ? 0.0 : std::log(a);
  return elementwise(
      "pow", [a](const auto& y) { return pow(a, y); },
      derivatives([log_base](const auto& g, Unused, const auto& z) { return g * z * log_base; }),
      b);
}

namespace {

// The gradient of the operand `x`, which wins where `wins` holds and else the other one, or
// neither.
constexpr auto share = [](const auto& g, const auto& wins, const auto& ties) {
  return where(wins, g, where(ties, g * 0.5, 0.0));
};

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  return elementwise(
      "maximum", [](const auto& x, const auto& y) { return maximum(x, y); },
      derivatives([](const auto& g, const auto& x, const auto& y,
                     Unused) { return share(g, x > y, x == y); },
                  [](const auto& g, const auto& x, const auto& y, Unused) {
                    return share(g, y > x, x == y);
                  }),
      a, b);
}

Tensor maximum(const Tensor& a, double b) {
  return elementwise(
      "maximum", [b](const auto& x) { return maximum(x, b); },
      derivatives([b](const auto& g, const auto& x, Unused) { return share(g, x > b, x == b); }),
      a);
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  return elementwise(
      "minimum", [](const auto& x, const auto& y) { return minimum(x, y); },
      derivatives([](const auto& g, const auto& x, const auto& y,
                     Unused) { return share(g, x < y, x == y); },
                  [](const auto& g, const auto& x, const auto& y, Unused) {
                    return share(g, y < x, x == y);
                  }),
      a, b);
}

Tensor minimum(const Tensor& a, double b) {
  return elementwise(
      "minimum", [b](const auto& x) { return minimum(x, b); },
      derivatives([b](const auto& g, const auto& x, Unused) { return share(g, x < b, x == b); }),
      a);
}

Tensor maximum(double a, const Tensor& b) { return maximum(b, a); }
Tensor minimum(double a, const Tensor& b) { return minimum(b, a); }

Tensor clip(const Tensor& x, double low, double high) {
  return elementwise(
      "clip", [low, high](const auto& v) { return minimum(maximum(v, low), high); },
      derivatives([low, high](const auto& g, const auto& v, Unused) {
        return where((v >= low) && (v <= high), g, 0.0);
      }),
      x);
}

static Tensor tanh_of(Tensor* spent, const Tensor& x) {
  return elementwise(
      "tanh", [](const auto& v) { return tanh(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * (1.0 - y * y); }), spent,
      x);
}
Tensor tanh(const Tensor& x) { return tanh_of(nullptr, x); }
Tensor tanh(Tensor&& x) { return tanh_of(&x, x); }

static Tensor sigmoid_of(Tensor* spent, const Tensor& x) {
  return elementwise(
      "sigmoid", [](const auto& v) { return sigmoid(v); },
      derivatives([](const auto& g, Unused, const auto& y) { return g * y * (1.0 - y); }), spent,
      x);
}
Tensor sigmoid(const Tensor& x) { return sigmoid_of(nullptr, x); }
Tensor sigmoid(Tensor&& x) { return sigmoid_of(&x, x); }

Tensor softplus(const Tensor& x) {
  return elementwise(
      "softplus", [](const auto& v) { return maximum(v, 0.0) + log1p(exp(-abs(v))); },
      derivatives([](const auto& g, const auto& v, Unused) { return g * sigmoid(v); }), x);
}

Tensor relu(const Tensor& x) {
  return elementwise(
      "relu", [](const auto& v) { return maximum(v, 0.0); },
      derivatives([](const auto& g, Unused, const auto& y) { return where(y <= 0.0, 0.0, g); }), x);
}

Tensor leaky_relu(const Tensor& x, double slope) {
  if (!(slope >= 0.0)) {  // the sign of the result is not that of x
    return within("leaky_relu", [&] { return where(x > 0.0, x, x * slope); });
  }
  return elementwise(
      "leaky_relu", [slope](const auto& v) { return where(v > 0.0, v, v * slope); },
      derivatives(
          [slope](const auto& g, Unused, const auto& y) { return where(y > 0.0, g, g * slope); }),
      x);
}

namespace {

// scale times elu.
Tensor scaled_elu(const char* name, const Tensor& x, double alpha, double scale) {
  const double below = alpha * scale;
  return elementwise(
      name, [scale, below](const auto& v) { return where(v > 0.0, v * scale, expm1(v) * below); },
      derivatives([scale, below](const auto& g, const auto& v, const auto& y) {
        return g * where(v <= 0.0, y + below, scale);
      }),
      x);
}

constexpr double inverse_sqrt2 = 1.0 / std::numbers::sqrt2;
constexpr double normal_density = inverse_sqrt2 * std::numbers::inv_sqrtpi;  // at 0: 1 / sqrt(2 pi)
constexpr double gelu_slope = 1.5957691216057307;                            // 2 sqrt(2 / pi)
constexpr double gelu_cubic = 0.044715;

}  // namespace

Tensor elu(const Tensor& x, double alpha) { return scaled_elu("elu", x, alpha, 1.0); }
Tensor selu(const Tensor& x) {
  return scaled_elu("selu", x, 1.6732632423543772848, 1.0507009873554804934);
}

Tensor silu(const Tensor& x) {
  return elementwise(
      "silu", [](const auto& v) { return v * sigmoid(v); },
      derivatives([](const auto& g, const auto& v, Unused) {
        const auto s = sigmoid(v);
        return g * s * (1.0 + v * (1.0 - s));
      }),
      x);
}

Tensor log_sigmoid(const Tensor& x) {
  return elementwise(
      "log_sigmoid", [](const auto& v) { return minimum(v, 0.0) - log1p(exp(-abs(v))); },
      derivatives([](const auto& g, const auto& v, Unused) { return g * sigmoid(-v); }), x);
}

Tensor gelu(const Tensor& x, Gelu form) {
  if (form == Gelu::exact) {
    return elementwise(
        "gelu", [](const auto& v) { return v * 0.5 * (1.0 + erf(v * inverse_sqrt2)); },
        derivatives([](const auto& g, const auto& v, Unused) {
          return g *
                 (0.5 * (1.0 + erf(v * inverse_sqrt2)) + v * exp(v * v * -0.5) * normal_density);
        }),
        x);
  }
  // (1 + tanh(u)) / 2 = sigmoid(2 u), which keeps its digits where tanh is near -1.
  return elementwise(
      "gelu", [](const auto& v) { return v * sigmoid((v + v * v * v * gelu_cubic) * gelu_slope); },
      derivatives([](const auto& g, const auto& v, Unused) {
        const auto s = sigmoid((v + v * v * v * gelu_cubic) * gelu_slope);
        return g * s * (1.0 + v * (1.0 - s) * (1.0 + v * v * (3.0 * gelu_cubic)) * gelu_slope);
      }),
      x);
}

Tensor hardtanh(const Tensor& x, double low, double high) {
  if (!(low < high)) fail("hardtanh: the bounds ", low, " and ", high, " are not in order");
  return elementwise(
      "hardtanh", [low, high](const auto& v) { return minimum(maximum(v, low), high); },
      derivatives([low, high](const auto& g, const auto& v, Unused) {
        return where((v <= low) || (v >= high), 0.0, g);
      }),
      x);
}

}  // namespace mnemo
