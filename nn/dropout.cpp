#include "mnemo/nn/dropout.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/dropout.hpp"

namespace mnemo::nn {
namespace {

void expect_probability(const char* name, double p) {
  if (!(p >= 0.0 && p <= 1.0)) detail::fail(name, ": the probability ", p, " is outside [0, 1]");
}

}  // namespace

Dropout::Dropout(double p, const Rng& rng) : p_(p), rng_(rng) {
  expect_probability("Dropout", p);
  buffer("rng_state", rng.variables().at("state"));
}

Tensor Dropout::forward(const Tensor& x) {
  return training() && p_ > 0.0 ? dropout(x, p_, rng_) : x;
}

std::string Dropout::describe() const { return detail::text("Dropout(", p_, ")"); }

Dropout2d::Dropout2d(double p, const Rng& rng) : p_(p), rng_(rng) {
  expect_probability("Dropout2d", p);
  buffer("rng_state", rng.variables().at("state"));
}

Tensor Dropout2d::forward(const Tensor& x) {
  if (x.rank() < 3)
    detail::fail("Dropout2d: input ", x.shape(), " should be [batch, channels, ...]");
  return training() && p_ > 0.0 ? dropout_channels(x, p_, rng_) : x;
}

std::string Dropout2d::describe() const { return detail::text("Dropout2d(", p_, ")"); }

}  // namespace mnemo::nn
