#include "mnemo/nn/spectral_norm.hpp"

#include <algorithm>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo::nn::detail {
namespace {

Tensor normalized(const Tensor& x, double epsilon) {
  return x / std::max(sqrt(sum(square(x))).item(), epsilon);
}

}  // namespace

Tensor unit_vector(std::int64_t length, Rng& rng, DType dtype) {
  return normalized(rng.normal({length}, 0.0, 1.0, dtype), 1e-12);
}

Tensor spectrally_normalized(const Tensor& weight, std::int64_t axis, const Tensor& u,
                             const Tensor& v, int iterations, double epsilon) {
  // The weight as a matrix W [outputs, rest] is never made: u and v broadcast along its axes instead.
  Reduction over_rest;
  Shape u_shape(weight.rank(), 1);
  Shape v_shape = weight.shape();
  for (std::size_t i = 0; i < weight.rank(); ++i) {
    if (i == static_cast<std::size_t>(axis)) continue;
    over_rest.axes.push_back(static_cast<std::int64_t>(i));
  }
  u_shape[static_cast<std::size_t>(axis)] = u.elements();
  v_shape[static_cast<std::size_t>(axis)] = 1;
  {
    const NoGrad no_grad;
    for (int i = 0; i < iterations; ++i) {
      const Tensor back = sum(weight * u.reshape(u_shape), {.axes = {axis}});
      v.assign(normalized(back.reshape(v.shape()), epsilon));
      u.assign(normalized(sum(weight * v.reshape(v_shape), over_rest), epsilon));
    }
  }
  // A product of copies: the next forward pass moves the vectors, maybe before this one is
  // differentiated.
  const Tensor outer = u.detach().reshape(u_shape) * v.detach().reshape(v_shape);
  return weight / sum(weight * outer);
}

}  // namespace mnemo::nn::detail
