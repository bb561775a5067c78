#include "mnemo/optim/optimizer.hpp"

#include <cmath>
#include <limits>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/grad.hpp"

namespace mnemo::optim {
namespace {

// Elements of one block: enough to make up for handing it out, few enough to spread over threads.
constexpr std::int64_t block_elements = 16384;

bool is_rate(double rate) { return rate >= 0.0 && std::isfinite(rate); }

struct Piece {
  std::size_t parameter;
  std::int64_t begin;
};

}  // namespace

Optimizer::Optimizer(const char* kind, const Variables& parameters, double learning_rate)
    : kind_(kind),
      parameters_(parameters),
      step_(zeros({}, DType::int64)),
      learning_rate_(scalar(learning_rate, DType::float64)) {
  if (parameters_.empty()) detail::fail(kind_, ": there are no parameters");
  for (const Variable& parameter : parameters_) {
    if (!parameter.tensor.requires_grad()) {
      detail::fail(kind_, ": parameter '", parameter.name, "' requires no gradient");
    }
  }
  if (!is_rate(learning_rate)) {
    detail::fail(kind_, ": learning_rate ", learning_rate, " is not a finite number of at least 0");
  }
  state_.add("step", step_);
  state_.add("learning_rate", learning_rate_);
}

void Optimizer::set_learning_rate(double rate) {
  if (!is_rate(rate)) {
    detail::fail(kind_, ": learning_rate ", rate, " is not a finite number of at least 0");
  }
  *learning_rate_.mutable_data<double>() = rate;
}

void Optimizer::reset(const std::string& pattern) {
  for (const Variable& state : state_.select(pattern)) state.tensor.fill(0.0);
}

void Optimizer::add_moment(const std::string& name) {
  std::vector<Tensor> tensors;
  Variables named;
  for (const Variable& parameter : parameters_) {
    tensors.push_back(zeros_like(parameter.tensor));
    named.add(parameter.name, tensors.back());
  }
  state_.add(name, named);
  moments_.push_back(std::move(tensors));
}

void Optimizer::expect_within(const char* option, double value, double low, double high) const {
  if (value >= low && value < high) return;
  detail::fail(kind_, ": ", option, " ", value, " is outside [", low, ", ", high, ")");
}

std::vector<Tensor> Optimizer::matched(const Variables& gradients) const {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, parameter] = parameters_[i];
    // Gradients nearly always come in the order of the parameters.
    const bool in_place = i < gradients.size() && gradients[i].name == name;
    const Tensor* const gradient = in_place ? &gradients[i].tensor : gradients.find(name);
    if (!gradient) detail::fail(kind_, ": there is no gradient for parameter '", name, "'");
    if (!(gradient->shape() == parameter.shape()) || gradient->dtype() != parameter.dtype()) {
      detail::fail(kind_, ": the gradient of '", name, "' is ", gradient->shape(), " of ",
                   gradient->dtype(), ", the parameter is ", parameter.shape(), " of ",
                   parameter.dtype());
    }
    result.push_back(*gradient);
  }
  if (gradients.size() == parameters_.size()) return result;
  for (const Variable& gradient : gradients) {
    if (!parameters_.contains(gradient.name)) {
      detail::fail(kind_, ": gradient '", gradient.name, "' belongs to none of the parameters");
    }
  }
  return result;
}

void Optimizer::step(const Variables& gradients) {
  const std::vector<Tensor> given = matched(gradients);
  const double rate = learning_rate();
  if (!is_rate(rate)) {
    detail::fail(kind_, ": learning_rate ", rate, " is not a finite number of at least 0");
  }
  const std::int64_t step = ++*step_.mutable_data<std::int64_t>();
  prepare(rate, step);

  struct Target {
    void* parameter;
    std::array<void*, Block<float>::max_moments> moments{};
  };
  std::vector<Target> targets;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Target target{parameters_[i].tensor.mutable_raw(), {}};
    for (std::size_t k = 0; k < moments_.size(); ++k) target.moments[k] = moments_[k][i].mutable_raw();
    targets.push_back(target);
    for (std::int64_t begin = 0; begin < given[i].elements(); begin += block_elements) {
      pieces.push_back({i, begin});
    }
  }
  detail::parallel_blocks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t number) {
    const Piece& piece = pieces[static_cast<std::size_t>(number)];
    const std::size_t index = piece.parameter;
    const std::int64_t begin = piece.begin;
    const Tensor& gradient = given[index];
    const Target& target = targets[index];
    detail::with_float_type(kind_, gradient.dtype(), [&]<class T>(std::type_identity<T>) {
      const auto at = [start = begin](void* data) {
        return data ? static_cast<T*>(data) + start : nullptr;
      };
      Block<T> block{.count = std::min(block_elements, gradient.elements() - begin),
                     .parameter = at(target.parameter),
                     .gradient = gradient.data<T>() + begin,
                     .moments = {}};
      for (std::size_t k = 0; k < moments_.size(); ++k) block.moments[k] = at(target.moments[k]);
      update(block);
    });
  });
}

}  // namespace mnemo::optim
