#include "mnemo/nn/dropout.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"

namespace mnemo::nn {
namespace {

void expect_probability(const char* name, double p) {
  if (!(p >= 0.0 && p <= 1.0)) detail::fail(name, ": the probability ", p, " is outside [0, 1]");
}

// x times a mask of `shape`, which broadcasts: 0 with probability p, 1 / (1 - p) elsewhere.
Tensor dropped(const Tensor& x, const Shape& shape, double p, Rng& rng) {
  if (p == 1.0) return x * 0.0;
  const Tensor kept = rng.uniform(shape, 0.0, 1.0, x.dtype()) >= p;
  return x * (cast(kept, x.dtype()) * (1.0 / (1.0 - p)));
}

}  // namespace

Dropout::Dropout(double p, const Rng& rng) : p_(p), rng_(rng) {
  expect_probability("Dropout", p);
  buffer("rng_state", rng.variables().at("state"));
}

Tensor Dropout::forward(const Tensor& x) {
  return training() && p_ > 0.0 ? dropped(x, x.shape(), p_, rng_) : x;
}

std::string Dropout::describe() const { return detail::text("Dropout(", p_, ")"); }

Dropout2d::Dropout2d(double p, const Rng& rng) : p_(p), rng_(rng) {
  expect_probability("Dropout2d", p);
  buffer("rng_state", rng.variables().at("state"));
}

Tensor Dropout2d::forward(const Tensor& x) {
  if (x.rank() < 3) detail::fail("Dropout2d: input ", x.shape(), " should be [batch, channels, ...]");
  if (!training() || p_ == 0.0) return x;
  Shape channels(x.rank(), 1);
  channels[0] = x.size(0);
  channels[1] = x.size(1);
  return dropped(x, channels, p_, rng_);
}

std::string Dropout2d::describe() const { return detail::text("Dropout2d(", p_, ")"); }

}  // namespace mnemo::nn
