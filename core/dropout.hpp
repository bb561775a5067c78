#pragma once
#include "mnemo/core/rng.hpp"
#include "mnemo/core/tensor.hpp"

namespace mnemo {

/// Each element set to 0 with this probability, drawn from `rng`, and the others divided by
/// (1 - probability), so that the mean stays (Srivastava et al. 2014). Throws Error unless the
/// probability is in [0, 1]; at 1 all is 0.
Tensor dropout(const Tensor& x, double probability, Rng& rng);
/// The same for whole channels of x [batch, channels, ...].
Tensor dropout_channels(const Tensor& x, double probability, Rng& rng);

}  // namespace mnemo
