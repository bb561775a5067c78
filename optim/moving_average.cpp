#include "mnemo/optim/moving_average.hpp"

#include <algorithm>
#include <cstring>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/optim/detail/pieces.hpp"

namespace mnemo::optim {
namespace {

using detail::fail;

bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

void exchange(const Variables& a, const Variables& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto* const first = static_cast<std::byte*>(a[i].tensor.mutable_raw());
    std::swap_ranges(first, first + a[i].tensor.bytes(),
                     static_cast<std::byte*>(b[i].tensor.mutable_raw()));
  }
}

}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(const Variables& parameters,
                                                   const MovingAverageOptions& options)
    : decay_(options.decay),
      warm_up_(options.warm_up),
      parameters_(parameters),
      step_(zeros({}, DType::int64)) {
  if (parameters.empty()) fail("ExponentialMovingAverage: there are no parameters");
  if (!(decay_ >= 0.0 && decay_ < 1.0)) {
    fail("ExponentialMovingAverage: decay is ", decay_, ", outside [0, 1)");
  }
  for (const auto& [name, tensor] : parameters) averages_.add(name, tensor.clone());
}

void ExponentialMovingAverage::update() {
  const std::int64_t step = steps();
  if (step < 0) fail("ExponentialMovingAverage: 'step' is ", step, "; it must be at least 0");
  const auto t = static_cast<double>(step);
  const double decay = warm_up_ ? std::min(decay_, (1.0 + t) / (10.0 + t)) : decay_;

  std::vector<std::int64_t> elements;
  std::vector<void*> averages;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& parameter = parameters_[i].tensor;
    averages.push_back(averages_[i].tensor.mutable_raw());
    elements.push_back(is_float(parameter.dtype()) ? parameter.elements() : 0);
    if (!is_float(parameter.dtype())) {
      std::memcpy(averages.back(), parameter.raw(), parameter.bytes());
    }
  }
  const std::vector<detail::Piece> pieces = detail::pieces_of(elements);
  detail::parallel_blocks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t block) {
    const auto [index, begin, end] = pieces[static_cast<std::size_t>(block)];
    const Tensor& parameter = parameters_[index].tensor;
    const auto run = [&, from = begin, until = end, i = index]<class T>(std::type_identity<T>) {
      const T keep = static_cast<T>(decay);
      const T rest = static_cast<T>(1.0 - decay);
      const T* const p = parameter.data<T>();
      T* __restrict const a = static_cast<T*>(averages[i]);
      for (std::int64_t k = from; k < until; ++k) a[k] = keep * a[k] + rest * p[k];
    };
    detail::with_float_type("ExponentialMovingAverage", parameter.dtype(), run);
  });
  *step_.mutable_data<std::int64_t>() = step + 1;
}

void ExponentialMovingAverage::copy_to(const Variables& variables) const {
  for (const auto& [name, average] : averages_) {
    const Tensor& target = variables.at(name);
    if (!(target.shape() == average.shape()) || target.dtype() != average.dtype()) {
      fail("ExponentialMovingAverage: '", name, "' is ", target.shape(), " of ", target.dtype(),
           ", its average is ", average.shape(), " of ", average.dtype());
    }
  }
  for (const auto& [name, average] : averages_) variables.at(name).detach().assign(average);
}

void ExponentialMovingAverage::swap() const { exchange(parameters_, averages_); }

ExponentialMovingAverage::Applied::Applied(const ExponentialMovingAverage& average)
    : parameters_(average.parameters_), averages_(average.averages_) {
  exchange(parameters_, averages_);
}

ExponentialMovingAverage::Applied::~Applied() { exchange(parameters_, averages_); }

Variables ExponentialMovingAverage::variables() const {
  Variables state{{"step", step_}};
  state.add("average", averages_);
  return state;
}

}  // namespace mnemo::optim
