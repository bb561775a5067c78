#include "mnemo/nn/initializers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::nn {

Fans fans(const Shape& weight) {
  if (weight.rank() < 2) {
    detail::fail("initializer: a weight of shape ", weight, " has no fan-in; two axes are needed");
  }
  std::int64_t kernel = 1;
  for (std::size_t axis = 2; axis < weight.rank(); ++axis) kernel *= weight[axis];
  return {weight[1] * kernel, weight[0] * kernel};
}

namespace init {
namespace {

double root_of_ratio(double numerator, std::int64_t denominator) {
  return std::sqrt(numerator / static_cast<double>(std::max<std::int64_t>(1, denominator)));
}

void expect_float(const char* name, DType dtype) {
  if (!is_differentiable(dtype)) detail::fail(name, ": gives float32 and float64, not ", dtype);
}

// Uniform in ±bound(fans), or normal with deviation(fans).
template <class Bound>
Initializer uniform_within(Bound bound) {
  return [bound](const Shape& shape, Rng& rng, DType dtype) {
    const double limit = bound(fans(shape));
    return rng.uniform(shape, -limit, limit, dtype);
  };
}
template <class Deviation>
Initializer normal_with(Deviation deviation) {
  return [deviation](const Shape& shape, Rng& rng, DType dtype) {
    return rng.normal(shape, 0.0, deviation(fans(shape)), dtype);
  };
}

}  // namespace

Initializer constant(double value) {
  return [value](const Shape& shape, Rng&, DType dtype) { return full(shape, value, dtype); };
}
Initializer zeros() { return constant(0.0); }
Initializer ones() { return constant(1.0); }
Initializer uniform(double low, double high) {
  return [=](const Shape& shape, Rng& rng, DType dtype) {
    return rng.uniform(shape, low, high, dtype);
  };
}
Initializer normal(double mean, double deviation) {
  return [=](const Shape& shape, Rng& rng, DType dtype) {
    return rng.normal(shape, mean, deviation, dtype);
  };
}
Initializer truncated_normal(double mean, double deviation, double low, double high) {
  const auto below = [&](double x) {
    return 0.5 * std::erfc((mean - x) / (deviation * std::sqrt(2.0)));
  };
  if (!(deviation > 0.0) || !(below(high) - below(low) >= 0.01)) {
    detail::fail("truncated_normal: [", low, ", ", high, "] holds less than a hundredth of mean ",
                 mean, ", deviation ", deviation);
  }
  return [=](const Shape& shape, Rng& rng, DType dtype) {
    expect_float("truncated_normal", dtype);
    Tensor result = rng.normal(shape, mean, deviation, DType::float64);
    double* const values = result.mutable_data<double>();
    std::vector<std::int64_t> outside;  // positions that have to be drawn again
    for (std::int64_t i = 0; i < result.elements(); ++i) outside.push_back(i);
    while (true) {
      std::erase_if(outside, [&](std::int64_t i) { return values[i] >= low && values[i] <= high; });
      if (outside.empty()) return cast(result, dtype);
      const auto count = static_cast<std::int64_t>(outside.size());
      const Tensor again = rng.normal({count}, mean, deviation, DType::float64);
      for (std::size_t i = 0; i < outside.size(); ++i) values[outside[i]] = again.data<double>()[i];
    }
  };
}
Initializer glorot_uniform(double gain) {
  return uniform_within([=](const Fans& f) { return gain * root_of_ratio(6.0, f.in + f.out); });
}
Initializer glorot_normal(double gain) {
  return normal_with([=](const Fans& f) { return gain * root_of_ratio(2.0, f.in + f.out); });
}
Initializer he_uniform(double slope) {
  return uniform_within(
      [=](const Fans& f) { return root_of_ratio(6.0 / (1.0 + slope * slope), f.in); });
}
Initializer he_normal(double slope) {
  return normal_with(
      [=](const Fans& f) { return root_of_ratio(2.0 / (1.0 + slope * slope), f.in); });
}
Initializer lecun_uniform() {
  return uniform_within([](const Fans& f) { return root_of_ratio(3.0, f.in); });
}
Initializer lecun_normal() {
  return normal_with([](const Fans& f) { return root_of_ratio(1.0, f.in); });
}
Initializer orthogonal(double gain) {
  return [gain](const Shape& shape, Rng& rng, DType dtype) {
    fans(shape);  // throws for fewer than two axes
    expect_float("orthogonal", dtype);
    if (shape.elements() == 0) return empty(shape, dtype);
    const std::int64_t rows = shape[0], columns = shape.elements() / shape[0];
    const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    const Tensor vectors = rng.normal({count, length}, 0.0, 1.0, DType::float64);
    double* const v = vectors.mutable_data<double>();
    const auto dot = [&](const double* a, const double* b) {
      return std::inner_product(a, a + length, b, 0.0);
    };
    // Gram and Schmidt's way, each vector cleaned twice so that rounding leaves nothing behind.
    for (std::int64_t i = 0; i < count; ++i) {
      double* const mine = v + i * length;
      for (std::int64_t k = 0; k < 2 * i; ++k) {
        const double* const other = v + k % i * length;
        const double share = dot(mine, other);
        for (std::int64_t j = 0; j < length; ++j) mine[j] -= share * other[j];
      }
      const double size = std::sqrt(dot(mine, mine));
      for (std::int64_t j = 0; j < length; ++j) mine[j] /= size;
    }
    Tensor result(shape, DType::float64);
    double* const out = result.mutable_data<double>();
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      const std::int64_t row = i / columns, column = i % columns;
      out[i] = gain * (rows <= columns ? v[row * length + column] : v[column * length + row]);
    }
    return cast(result, dtype);
  };
}
Initializer fan_in_uniform() {
  return uniform_within([](const Fans& f) { return root_of_ratio(1.0, f.in); });
}

}  // namespace init
}  // namespace mnemo::nn
