#include "mnemo/core/dropout.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"

namespace mnemo {
namespace {

Tensor dropped(const char* name, const Tensor& x, const Shape& shape, double probability,
               Rng& rng) {
  if (!(probability >= 0.0 && probability <= 1.0)) {
    detail::fail(name, ": the probability ", probability, " is outside [0, 1]");
  }
  if (!is_differentiable(x.dtype())) {
    detail::fail(name, ": takes float32 and float64, not ", x.dtype());
  }
  const Tensor kept = rng.uniform(shape, 0.0, 1.0, x.dtype()) >= probability;
  const double scale = probability < 1.0 ? 1.0 / (1.0 - probability) : 0.0;
  return where(kept, x * scale, 0.0);
}

}  // namespace

Tensor dropout(const Tensor& x, double probability, Rng& rng) {
  return dropped("dropout", x, x.shape(), probability, rng);
}

Tensor dropout_channels(const Tensor& x, double probability, Rng& rng) {
  if (x.rank() < 2) detail::fail("dropout_channels: takes [batch, channels, ...], got ", x.shape());
  Shape shape(x.rank(), 1);
  shape[0] = x.shape()[0];
  shape[1] = x.shape()[1];
  return dropped("dropout_channels", x, shape, probability, rng);
}

}  // namespace mnemo
