#include "mnemo/core/math.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <functional>
#include <limits>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/rng.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

namespace {

constexpr double inf = INFINITY;
constexpr double not_a_number = NAN;

using Exact = std::function<long double(long double)>;

// Arguments over the whole range: near 0, around 1, large, at the ends and out of the ordinary.
template <class T>
std::vector<T> arguments() {
  std::vector<T> all{0,
                     -T(0),
                     T(inf),
                     -T(inf),
                     T(not_a_number),
                     std::numeric_limits<T>::min(),
                     std::numeric_limits<T>::denorm_min(),
                     std::numeric_limits<T>::max(),
                     std::numeric_limits<T>::lowest(),
                     std::numeric_limits<T>::min() / 8};
  for (const double width : {1.2, 20.0, 750.0, 1e15}) {
    const Tensor some = Rng(9).uniform({5000}, -width, width, DType::float64);
    for (const double v : some.span<double>()) all.push_back(static_cast<T>(v));
  }
  const Tensor exponents = Rng(10).uniform({5000}, -1.0, 1.0, DType::float64);
  const int largest = std::numeric_limits<T>::max_exponent - 2;
  for (const double v : exponents.span<double>()) {
    all.push_back(static_cast<T>(std::exp2(v * largest)));
    all.push_back(-all.back());
  }
  return all;
}

// The largest error in units of the last place of the true value; below the normal numbers, of the
// smallest of these. Infinity where one is NaN or infinite and the other is not.
template <class T>
double worst_ulps(Tensor (*function)(const Tensor&), const Exact& exact) {
  const std::vector<T> x = arguments<T>();
  const Tensor y = function(from_values(x, {static_cast<std::int64_t>(x.size())}));
  double worst = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double expected = exact(static_cast<long double>(x[i]));
    const T rounded = static_cast<T>(expected);
    const T got = y.span<T>()[i];
    if (got == rounded || (std::isnan(got) && std::isnan(rounded))) continue;
    const T size = std::max(std::abs(rounded), std::numeric_limits<T>::min());
    const T unit = std::nextafter(size, T(inf)) - size;
    const double ulps = static_cast<double>(std::abs(got - expected) / unit);
    const double error = std::isfinite(ulps) && std::isfinite(got) ? ulps : inf;
    if (error > worst) {
      worst = error;
      if (worst > 4.0) MESSAGE("at ", x[i], " got ", got, ", expected ", rounded);
    }
  }
  return worst;
}

struct Case {
  const char* name;
  Tensor (*function)(const Tensor&);
  Exact exact;
};

}  // namespace

TEST_CASE("functions are within 4 units of the last place, at the ends of the range too") {
  const std::vector<Case> cases{
      {"exp", exp, [](long double x) { return std::exp(x); }},
      {"expm1", expm1, [](long double x) { return std::expm1(x); }},
      {"log", log, [](long double x) { return std::log(x); }},
      {"log1p", log1p, [](long double x) { return std::log1p(x); }},
      {"sqrt", sqrt, [](long double x) { return std::sqrt(x); }},
      {"rsqrt", rsqrt, [](long double x) { return 1.0L / std::sqrt(x); }},
      {"sin", sin, [](long double x) { return std::sin(x); }},
      {"cos", cos, [](long double x) { return std::cos(x); }},
      {"erf", erf, [](long double x) { return std::erf(x); }},
      {"tanh", tanh, [](long double x) { return std::tanh(x); }},
      {"sigmoid", sigmoid, [](long double x) { return 1.0L / (1.0L + std::exp(-x)); }},
      {"softplus", softplus,
       [](long double x) {
         return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
       }},
      {"abs", abs, [](long double x) { return std::abs(x); }},
      {"sign", sign, [](long double x) { return x != x ? x : (x > 0) - (x < 0); }},
      {"relu", relu, [](long double x) { return x < 0 ? 0.0L : x; }},
      {"pow 2.5", [](const Tensor& x) { return pow(x, 2.5); },
       [](long double x) { return std::pow(x, 2.5L); }},
      {"pow -3", [](const Tensor& x) { return pow(x, -3.0); },
       [](long double x) { return std::pow(x, -3.0L); }},
      {"pow 0", [](const Tensor& x) { return pow(x, 0.0); }, [](long double) { return 1.0L; }},
      {"2 pow", [](const Tensor& x) { return pow(2.0, x); },
       [](long double x) { return std::pow(2.0L, x); }},
      {"elu", [](const Tensor& x) { return elu(x); },
       [](long double x) { return x > 0 ? x : std::expm1(x); }},
      {"clip", [](const Tensor& x) { return clip(x, -1, 2); },
       [](long double x) { return x != x ? x : std::min(2.0L, std::max(-1.0L, x)); }},
      {"hardtanh", [](const Tensor& x) { return hardtanh(x); },
       [](long double x) { return x != x ? x : std::min(1.0L, std::max(-1.0L, x)); }},
      {"minimum", [](const Tensor& x) { return minimum(x, 0.5); },
       [](long double x) { return x > 0.5L ? 0.5L : x; }},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    CHECK(worst_ulps<float>(each.function, each.exact) < 4.0);
    CHECK(worst_ulps<double>(each.function, each.exact) < 4.0);
  }
}

TEST_CASE("tanh of floats from the whole range: within 3 units, odd and never beyond 1") {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < 0x7f800000; bits += 499) {
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    x.push_back(-x.back());
  }
  const Tensor y = tanh(from_values(x, {static_cast<std::int64_t>(x.size())}));
  double worst = 0.0;
  int strange = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float got = y.span<float>()[i];
    const double expected = std::tanh(static_cast<double>(x[i]));
    const int exponent =
        std::max(std::ilogb(expected), std::numeric_limits<float>::min_exponent - 1);
    worst = std::max(worst, std::abs(std::ldexp(got - expected, 23 - exponent)));
    strange += std::signbit(got) != std::signbit(x[i]) || !(std::abs(got) <= 1.0f);
  }
  CHECK(worst < 3.0);
  CHECK(strange == 0);
}

TEST_CASE("activations give PyTorch's values") {
  // torch 1.13, float64, at -2, -0.5, 0, 0.5, 3.
  const Tensor x = tensor<double>({-2, -0.5, 0, 0.5, 3});
  CHECK(distance(values(elu(x, 0.7)), {-0.6052653017343711, -0.2754285382011566, 0.0, 0.5, 3.0}) <
        1e-14);
  CHECK(distance(values(selu(x)), {-1.5201664685956948, -0.6917581878028713, 0.0,
                                   0.5253504936777402, 3.1521029620664414}) < 1e-14);
  CHECK(distance(values(silu(x)), {-0.2384058440442351, -0.1887703343990727, 0.0,
                                   0.3112296656009273, 2.8577223804672998}) < 1e-14);
  CHECK(distance(values(log_sigmoid(tensor<double>({-800, -2, -1e-10, 0.5, 40}))),
                 {-800.0, -2.1269280110429727, -0.6931471806099453, -0.4740769841801067,
                  -4.248354255291589e-18}) < 1e-14);
  CHECK(distance(values(gelu(x)), {-0.04550026389635842, -0.15426876936299344, 0.0,
                                   0.34573123063700656, 2.99595030590511}) < 1e-14);
  CHECK(distance(values(gelu(x, Gelu::tanh)), {-0.04540230591222494, -0.15428599017485606, 0.0,
                                               0.34571400982514394, 2.996362607918227}) < 1e-14);
  CHECK(distance(values(leaky_relu(x, 0.2)), {-0.4, -0.1, 0, 0.5, 3}) < 1e-15);
}

TEST_CASE("derivatives at kinks, ties and the edges of the domain") {
  const auto slope = [](Tensor (*f)(const Tensor&), double at) {
    const Tensor x = scalar(at, DType::float64);
    x.set_requires_grad();
    return grad(f(x), {x})[0].item();
  };
  CHECK(slope(relu, 0.0) == 0.0);
  CHECK(slope(abs, 0.0) == 0.0);
  CHECK(slope([](const Tensor& x) { return leaky_relu(x, 0.2); }, 0.0) == 0.2);
  for (const double at : {-1.0, 0.0, 1.0}) {
    CHECK(slope([](const Tensor& x) { return leaky_relu(x, -0.5); }, at) ==
          (at > 0.0 ? 1.0 : -0.5));
  }
  CHECK(slope([](const Tensor& x) { return elu(x, 0.7); }, 0.0) == 0.7);
  CHECK(slope([](const Tensor& x) { return clip(x, -1, 1); }, 1.0) == 1.0);
  CHECK(slope([](const Tensor& x) { return clip(x, -1, 1); }, 1.1) == 0.0);
  CHECK(slope([](const Tensor& x) { return hardtanh(x); }, 1.0) == 0.0);
  CHECK(slope([](const Tensor& x) { return maximum(x, 1.0); }, 1.0) == 0.5);
  CHECK(slope([](const Tensor& x) { return minimum(x, scalar(1.0, DType::float64)); }, 1.0) == 0.5);
  CHECK(slope([](const Tensor& x) { return pow(x, 0.0); }, 0.0) == 0.0);
  CHECK(slope([](const Tensor& x) { return pow(x, 1.0); }, 0.0) == 1.0);
  CHECK(slope([](const Tensor& x) { return pow(x, 3.0); }, -2.0) == 12.0);
  CHECK(slope([](const Tensor& x) { return pow(x, scalar(0.0, DType::float64)); }, 0.0) == 0.0);
  CHECK(slope([](const Tensor& x) { return pow(scalar(0.0, DType::float64), x); }, 2.0) == 0.0);
  CHECK(slope([](const Tensor& x) { return pow(0.0, x); }, 2.0) == 0.0);
  CHECK(slope(sqrt, 0.0) == inf);
}

TEST_CASE("pow, maximum and minimum broadcast and let NaN through from either side") {
  CHECK(values(pow(tensor<double>({2, 3}).reshape({2, 1}), tensor<double>({0, 1, -2}))) ==
        List{1, 2, 0.25, 1, 3, std::pow(3.0, -2.0)});
  for (const auto dtype : {DType::float32, DType::float64}) {
    const Tensor a = cast(tensor<double>({not_a_number, 1, not_a_number, 2}), dtype);
    const Tensor b = cast(tensor<double>({1, not_a_number, not_a_number, 1}), dtype);
    CHECK(distance(values(maximum(a, b)), {not_a_number, not_a_number, not_a_number, 2}) == 0.0);
    CHECK(distance(values(minimum(a, b)), {not_a_number, not_a_number, not_a_number, 1}) == 0.0);
    CHECK(distance(values(maximum(1.5, a)), {not_a_number, 1.5, not_a_number, 2}) == 0.0);
    CHECK(distance(values(relu(a)), {not_a_number, 1, not_a_number, 2}) == 0.0);
  }
  CHECK(maximum(zeros({0, 3}), zeros({1, 3})).shape() == Shape{0, 3});
  CHECK(error_of([] { maximum(zeros({2}), zeros({3})); }).find("maximum: shapes [2] and [3]") == 0);
  CHECK(error_of([] { pow(zeros({2}), zeros({2}, DType::float64)); }).find("float64") !=
        std::string::npos);
  CHECK(error_of([] { exp(tensor({1})); }).find("exp") == 0);
  CHECK(error_of([] { hardtanh(zeros({2}), 1.0, 1.0); }) != "");
}
