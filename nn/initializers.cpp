#include "mnemo/nn/initializers.hpp"

#include <cmath>

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
Initializer glorot_uniform() {
  return uniform_within([](const Fans& f) { return root_of_ratio(6.0, f.in + f.out); });
}
Initializer glorot_normal() {
  return normal_with([](const Fans& f) { return root_of_ratio(2.0, f.in + f.out); });
}
Initializer he_uniform() {
  return uniform_within([](const Fans& f) { return root_of_ratio(6.0, f.in); });
}
Initializer he_normal() {
  return normal_with([](const Fans& f) { return root_of_ratio(2.0, f.in); });
}
Initializer fan_in_uniform() {
  return uniform_within([](const Fans& f) { return root_of_ratio(1.0, f.in); });
}

}  // namespace init
}  // namespace mnemo::nn
