#include "mnemo/nn/dropout.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/dropout.hpp"

namespace mnemo::nn {

Dropout::Dropout(const char* name, double p, const Rng& rng)
    : name_(name), p_(p), rng_state_(buffer("rng_state", rng.variables().at("state"))) {
  if (!(p >= 0.0 && p <= 1.0)) {
    detail::fail(name, ": the probability ", p, " is outside [0, 1]");
  }
}

Tensor Dropout::applied(Tensor (*function)(const Tensor&, double, Rng&), const Tensor& x) {
  if (!training() || p_ == 0.0) return x;
  Rng rng(rng_state_);
  return function(x, p_, rng);
}

Tensor Dropout::forward(const Tensor& x) { return applied(dropout, x); }

std::string Dropout::describe() const { return detail::text(name_, "(", p_, ")"); }

Tensor Dropout2d::forward(const Tensor& x) {
  if (x.rank() < 3) {
    detail::fail("Dropout2d: input ", x.shape(), " should be [batch, channels, ...]");
  }
  return applied(dropout_channels, x);
}

}  // namespace mnemo::nn
