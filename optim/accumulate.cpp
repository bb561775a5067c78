#include "mnemo/optim/accumulate.hpp"

#include <cmath>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"

namespace mnemo::optim {
namespace {

using detail::fail;

// result = a x + b y, elementwise; `result` may be one of them.
void combine(const Tensor& result, double a, const Tensor& x, double b, const Tensor& y) {
  detail::with_float_type("GradientAccumulator", x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T scale_x = static_cast<T>(a);
    const T scale_y = static_cast<T>(b);
    const T* const from_x = x.data<T>();
    const T* const from_y = y.data<T>();
    T* const to = static_cast<T*>(result.mutable_raw());
    detail::parallel_range(x.elements(), 16384, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = scale_x * from_x[i] + scale_y * from_y[i];
    });
  });
}

}  // namespace

GradientAccumulator::GradientAccumulator(const Variables& parameters,
                                         MissingGradient missing_gradient)
    : missing_(missing_gradient),
      parameters_(parameters),
      count_(zeros({}, DType::int64)),
      weight_(zeros({}, DType::float64)) {
  if (parameters.empty()) fail("GradientAccumulator: there are no parameters");
  for (const auto& [name, tensor] : parameters) {
    if (tensor.dtype() != DType::float32 && tensor.dtype() != DType::float64) {
      fail("GradientAccumulator: parameter '", name, "' is of ", tensor.dtype());
    }
    sums_.add(name, zeros_like(tensor.detach()));
  }
}

void GradientAccumulator::add(const Variables& gradients, double weight) {
  if (!(weight > 0.0 && std::isfinite(weight))) {
    fail("GradientAccumulator: the weight ", weight, " is not a finite number above 0");
  }
  for (const auto& [name, parameter] : parameters_) {
    const Tensor* const gradient = gradients.find(name);
    if (!gradient) {
      if (missing_ == MissingGradient::skip || !parameter.requires_grad()) continue;
      fail("GradientAccumulator: there is no gradient for parameter '", name, "'");
    }
    if (!(gradient->shape() == parameter.shape()) || gradient->dtype() != parameter.dtype()) {
      fail("GradientAccumulator: the gradient of '", name, "' is ", gradient->shape(), " of ",
           gradient->dtype(), ", the parameter is ", parameter.shape(), " of ", parameter.dtype());
    }
  }
  for (const Variable& gradient : gradients) {
    if (parameters_.contains(gradient.name)) continue;
    fail("GradientAccumulator: gradient '", gradient.name, "' belongs to none of the parameters");
  }
  for (const auto& [name, gradient] : gradients) {
    const Tensor& sum = sums_.at(name);
    combine(sum, 1.0, sum, weight, gradient);
  }
  ++*count_.mutable_data<std::int64_t>();
  *weight_.mutable_data<double>() += weight;
}

Variables GradientAccumulator::take() {
  const double weight = weight_.item();
  if (count() < 1 || !(weight > 0.0)) fail("GradientAccumulator: no gradients have been added");
  Variables means;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const auto& [name, sum] = sums_[i];
    if (parameters_[i].tensor.requires_grad()) {
      const Tensor mean(sum.shape(), sum.dtype());
      combine(mean, 1.0 / weight, sum, 0.0, sum);
      means.add(name, mean);
    }
    sum.fill(0.0);
  }
  count_.fill(0.0);
  weight_.fill(0.0);
  return means;
}

Variables GradientAccumulator::variables() const {
  Variables state{{"count", count_}, {"weight", weight_}};
  state.add("sum", sums_);
  return state;
}

}  // namespace mnemo::optim
