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

Shape checked_shape(const char* name, const Shape& shape) {
  if (!shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0) return shape;
  detail::fail(name, ": the shape ", shape, " needs at least one axis, and lengths of at least 1");
}

Shape checked_channels(const char* name, std::int64_t groups, std::int64_t channels) {
  if (channels > 0 && groups > 0 && channels % groups == 0) return {channels};
  detail::fail(name, ": ", groups, " groups do not divide ", channels, " channels");
}

void expect_last_axes(const char* name, const Tensor& x, const Shape& shape) {
  const bool fits = x.rank() >= shape.rank() &&
                    std::equal(shape.begin(), shape.end(),
                               x.shape().end() - static_cast<std::ptrdiff_t>(shape.rank()));
  if (!fits) detail::fail(name, ": the last axes of the input ", x.shape(), " should be ", shape);
}

}  // namespace

Normalization::Normalization(const Shape& shape, const NormOptions& options)
    : epsilon_(options.epsilon) {
  if (!(epsilon_ >= 0.0)) detail::fail("normalisation: epsilon ", epsilon_, " is below 0");
  if (!options.affine) return;
  weight = parameter("weight", ones(shape, options.dtype));
  bias = parameter("bias", zeros(shape, options.dtype));
}

LayerNorm::LayerNorm(const Shape& shape, const NormOptions& options)
    : Layer(checked_shape("LayerNorm", shape), options), shape_(shape) {}

Tensor LayerNorm::forward(const Tensor& x) {
  expect_last_axes("LayerNorm", x, shape_);
  const Tensor y = normalize_runs(x, x.elements() / shape_.elements(), epsilon_);
  return weight.defined() ? y * weight + bias : y;
}

std::string LayerNorm::describe() const { return detail::text("LayerNorm", shape_); }

GroupNorm::GroupNorm(const char* name, std::int64_t groups, std::int64_t channels,
                     const NormOptions& options)
    : Layer(checked_channels(name, groups, channels), options),
      groups_(groups),
      channels_(channels) {}

Tensor GroupNorm::normalized(const Tensor& x) const {
  const Tensor y = normalize_runs(x, x.size(0) * groups_, epsilon_);
  if (!weight.defined()) return y;
  Shape along_channels(x.rank(), 1);
  along_channels[1] = channels_;
  return y * weight.reshape(along_channels) + bias.reshape(along_channels);
}

Tensor GroupNorm::forward(const Tensor& x) {
  if (x.rank() < 2 || x.size(1) != channels_) {
    detail::fail("GroupNorm: input ", x.shape(), " should be [batch, ", channels_, ", ...]");
  }
  return normalized(x);
}

std::string GroupNorm::describe() const {
  return detail::text("GroupNorm(", groups_, " groups of ", channels_, ")");
}

Tensor InstanceNorm2d::forward(const Tensor& x) {
  if (x.rank() != 4 || x.size(1) != channels_) {
    detail::fail("InstanceNorm2d: input ", x.shape(), " should be [batch, ", channels_,
                 ", height, width]");
  }
  if (x.size(2) * x.size(3) == 1) {
    detail::fail("InstanceNorm2d: input ", x.shape(),
                 " has one value a channel, which has no variance");
  }
  return normalized(x);
}

std::string InstanceNorm2d::describe() const {
  return detail::text("InstanceNorm2d(", channels_, ")");
}

RMSNorm::RMSNorm(const Shape& shape, const RmsNormOptions& options)
    : shape_(checked_shape("RMSNorm", shape)), epsilon_(options.epsilon) {
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
