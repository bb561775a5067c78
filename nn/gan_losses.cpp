#include "mnemo/nn/gan_losses.hpp"

#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"

namespace mnemo::nn {

Tensor non_saturating_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return mean(softplus(-real)) + mean(softplus(fake));
}
Tensor non_saturating_generator_loss(const Tensor& fake) { return mean(softplus(-fake)); }

Tensor least_squares_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return (mean(square(real - 1.0)) + mean(square(fake))) * 0.5;
}
Tensor least_squares_generator_loss(const Tensor& fake) { return mean(square(fake - 1.0)) * 0.5; }

Tensor hinge_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return mean(relu(1.0 - real)) + mean(relu(1.0 + fake));
}
Tensor hinge_generator_loss(const Tensor& fake) { return -mean(fake); }

Tensor wasserstein_critic_loss(const Tensor& real, const Tensor& fake) {
  return mean(fake) - mean(real);
}
Tensor wasserstein_generator_loss(const Tensor& fake) { return -mean(fake); }

namespace detail {

using mnemo::detail::fail;

Tensor leaf(const Tensor& samples) { return samples.detach().set_requires_grad(); }

Tensor between(const Tensor& real, const Tensor& fake, Rng& rng) {
  if (real.rank() == 0 || !(real.shape() == fake.shape())) {
    fail("gradient_penalty: real ", real.shape(), " and fake ", fake.shape(),
         " should have one shape [batch, ...]");
  }
  Shape each(real.rank(), 1);
  each[0] = real.size(0);
  const NoGrad no_grad;
  return leaf(real + rng.uniform(each, 0.0, 1.0, real.dtype()) * (fake - real));
}

Tensor squared_gradient_norms(const Tensor& scores, const Tensor& samples) {
  if (samples.elements() == 0) fail("gradient penalty: no samples, ", samples.shape());
  const Tensor gradient = grad({sum(scores)}, {samples}, {.create_graph = true})[0];
  Reduction each;
  for (std::size_t axis = 1; axis < samples.rank(); ++axis) {
    each.axes.push_back(static_cast<std::int64_t>(axis));
  }
  return each.axes.empty() ? square(gradient) : sum(square(gradient), each);
}

Tensor distance_from_one(const Tensor& squares) {
  // The root of a 1 in place of 0, so that no infinite derivative meets the 0 that hides it.
  const Tensor nonzero = squares > 0.0;
  const Tensor norms = where(nonzero, sqrt(where(nonzero, squares, 1.0)), 0.0);
  return mean(square(norms - 1.0));
}

}  // namespace detail
}  // namespace mnemo::nn
