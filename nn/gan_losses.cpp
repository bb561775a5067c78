#include "mnemo/nn/gan_losses.hpp"

#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"

namespace mnemo::nn {

using mnemo::detail::fail;
using mnemo::detail::within;

namespace {

// The value of `loss`, named in its errors; of no scores there is none.
template <class Loss>
Tensor named(const char* name, const Tensor& real, const Tensor& fake, const Loss& loss) {
  if (real.shape(name).elements() == 0 || fake.shape(name).elements() == 0) {
    fail(name, ": the mean of no scores, ", real.shape(), " and ", fake.shape());
  }
  return within(name, loss);
}

}  // namespace

Tensor non_saturating_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return named("non_saturating_discriminator_loss", real, fake,
               [&] { return mean(softplus(-real)) + mean(softplus(fake)); });
}
Tensor non_saturating_generator_loss(const Tensor& fake) {
  return named("non_saturating_generator_loss", fake, fake, [&] { return mean(softplus(-fake)); });
}

Tensor least_squares_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return named("least_squares_discriminator_loss", real, fake,
               [&] { return (mean(square(real - 1.0)) + mean(square(fake))) * 0.5; });
}
Tensor least_squares_generator_loss(const Tensor& fake) {
  return named("least_squares_generator_loss", fake, fake,
               [&] { return mean(square(fake - 1.0)) * 0.5; });
}

Tensor hinge_discriminator_loss(const Tensor& real, const Tensor& fake) {
  return named("hinge_discriminator_loss", real, fake,
               [&] { return mean(relu(1.0 - real)) + mean(relu(1.0 + fake)); });
}
Tensor hinge_generator_loss(const Tensor& fake) {
  return named("hinge_generator_loss", fake, fake, [&] { return -mean(fake); });
}

Tensor wasserstein_critic_loss(const Tensor& real, const Tensor& fake) {
  return named("wasserstein_critic_loss", real, fake, [&] { return mean(fake) - mean(real); });
}
Tensor wasserstein_generator_loss(const Tensor& fake) {
  return named("wasserstein_generator_loss", fake, fake, [&] { return -mean(fake); });
}

namespace detail {

namespace {

void expect_samples(const char* name, const Tensor& samples) {
  if (!is_differentiable(samples.dtype(name)) || samples.rank() == 0 || samples.elements() == 0) {
    fail(name, ": samples ", samples.shape(), " of ", samples.dtype(),
         " should be [batch, ...] of float32 or float64, and some");
  }
}

}  // namespace

Tensor leaf(const char* name, const Tensor& samples) {
  expect_samples(name, samples);
  return samples.detach().set_requires_grad();
}

Tensor between(const Tensor& real, const Tensor& fake, Rng& rng) {
  constexpr const char* name = "gradient_penalty";
  expect_samples(name, real);
  if (!(real.shape() == fake.shape(name)) || real.dtype() != fake.dtype()) {
    fail(name, ": real ", real.shape(), " of ", real.dtype(), " and fake ", fake.shape(), " of ",
         fake.dtype(), " should have one shape and dtype");
  }
  Shape each(real.rank(), 1);
  each[0] = real.size(0);
  const NoGrad no_grad;
  return leaf(name, real + rng.uniform(each, 0.0, 1.0, real.dtype()) * (fake - real));
}

Tensor squared_gradient_norms(const Tensor& scores, const Tensor& samples) {
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
