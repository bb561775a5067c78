#include "mnemo/nn/norm.hpp"

#include <algorithm>
#include <limits>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo::nn {
namespace {

// x in `rows` runs of consecutive elements, each normalised to mean 0 and variance 1: batch
// normalisation of one sample whose channels are the runs.
Tensor normalize_runs(const Tensor& x, std::int64_t rows, double epsilon) {
  if (x.elements() == 0) return x;
  const std::int64_t length = x.elements() / rows;
  if (length == 1) return x - x;  // each is its own mean
  const Shape row_shape{rows};
  return batch_norm(x.reshape({1, rows, length}), ones(row_shape, x.dtype()),
                    zeros(row_shape, x.dtype()), epsilon)
      .output.reshape(x.shape());
}

// y * weight + bias, where these are defined, along axis 1.
Tensor scaled_channels(const Tensor& y, const Tensor& weight, const Tensor& bias) {
  if (!weight.defined()) return y;
  Shape channels(y.rank(), 1);
  channels[1] = weight.size(0);
  return y * weight.reshape(channels) + bias.reshape(channels);
}

void expect_shape(const char* name, const Shape& shape) {
  if (!shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0) return;
  detail::fail(name, ": the shape ", shape, " needs at least one axis, and lengths of at least 1");
}

void expect_last_axes(const char* name, const Tensor& x, const Shape& shape) {
  const bool fits = x.rank() >= shape.rank() &&
                    std::equal(shape.begin(), shape.end(),
                               x.shape().end() - static_cast<std::ptrdiff_t>(shape.rank()));
  if (!fits) detail::fail(name, ": the last axes of the input ", x.shape(), " should be ", shape);
}

void expect_channels(const char* name, const Tensor& x, std::int64_t channels, std::size_t rank) {
  if (x.rank() >= 2 && x.size(1) == channels && (rank == 0 || x.rank() == rank)) return;
  detail::fail(name, ": input ", x.shape(), " should be [batch, ", channels,
               rank == 0 ? ", ...]" : ", height, width]");
}

}  // namespace

LayerNorm::LayerNorm(const Shape& shape, const NormOptions& options)
    : shape_(shape), epsilon_(options.epsilon) {
  expect_shape("LayerNorm", shape);
  if (!options.affine) return;
  weight = parameter("weight", ones(shape, options.dtype));
  bias = parameter("bias", zeros(shape, options.dtype));
}

Tensor LayerNorm::forward(const Tensor& x) {
  expect_last_axes("LayerNorm", x, shape_);
  const Tensor y = normalize_runs(x, x.elements() / shape_.elements(), epsilon_);
  return weight.defined() ? y * weight + bias : y;
}

std::string LayerNorm::describe() const { return detail::text("LayerNorm", shape_); }

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, const NormOptions& options)
    : groups_(groups), channels_(channels), epsilon_(options.epsilon) {
  if (channels < 1 || groups < 1 || channels % groups != 0) {
    detail::fail("GroupNorm: ", groups, " groups do not divide ", channels, " channels");
  }
  if (!options.affine) return;
  weight = parameter("weight", ones({channels}, options.dtype));
  bias = parameter("bias", zeros({channels}, options.dtype));
}

Tensor GroupNorm::forward(const Tensor& x) {
  expect_channels("GroupNorm", x, channels_, 0);
  return scaled_channels(normalize_runs(x, x.size(0) * groups_, epsilon_), weight, bias);
}

std::string GroupNorm::describe() const {
  return detail::text("GroupNorm(", groups_, " groups of ", channels_, ")");
}

InstanceNorm2d::InstanceNorm2d(std::int64_t channels, const NormOptions& options)
    : channels_(channels), epsilon_(options.epsilon) {
  if (channels < 1) detail::fail("InstanceNorm2d: ", channels, " channels; at least 1 is needed");
  if (!options.affine) return;
  weight = parameter("weight", ones({channels}, options.dtype));
  bias = parameter("bias", zeros({channels}, options.dtype));
}

Tensor InstanceNorm2d::forward(const Tensor& x) {
  expect_channels("InstanceNorm2d", x, channels_, 4);
  if (x.size(2) * x.size(3) == 1) {
    detail::fail("InstanceNorm2d: input ", x.shape(),
                 " has one value a channel, which has no variance");
  }
  return scaled_channels(normalize_runs(x, x.size(0) * channels_, epsilon_), weight, bias);
}

std::string InstanceNorm2d::describe() const {
  return detail::text("InstanceNorm2d(", channels_, ")");
}

RMSNorm::RMSNorm(const Shape& shape, const RmsNormOptions& options)
    : shape_(shape), epsilon_(options.epsilon) {
  expect_shape("RMSNorm", shape);
  if (options.affine) weight = parameter("weight", ones(shape, options.dtype));
}

Tensor RMSNorm::forward(const Tensor& x) {
  expect_last_axes("RMSNorm", x, shape_);
  Reduction last{.axes = {}, .keepdims = true};
  for (std::size_t axis = 1; axis <= shape_.rank(); ++axis) {
    last.axes.push_back(-static_cast<std::int64_t>(axis));
  }
  const double epsilon =
      epsilon_.value_or(x.dtype() == DType::float64 ? std::numeric_limits<double>::epsilon()
                                                    : std::numeric_limits<float>::epsilon());
  const Tensor y = x / sqrt(mean(square(x), last) + epsilon);
  return weight.defined() ? y * weight : y;
}

std::string RMSNorm::describe() const { return detail::text("RMSNorm", shape_); }

}  // namespace mnemo::nn
