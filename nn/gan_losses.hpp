#pragma once
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/tensor.hpp"

/// Losses of generative adversarial networks, each a mean over the batch. `real` and `fake` are what the
/// discriminator (critic) gives for real and generated samples: logits or scores of any shape. The
/// discriminator should see detach(samples) of the generator, which saves the way back through it.
namespace mnemo::nn {

///@{
/// -log sigmoid(real) - log(1 - sigmoid(fake)), and for the generator -log sigmoid(fake) (Goodfellow et
/// al. 2014).
Tensor non_saturating_discriminator_loss(const Tensor& real, const Tensor& fake);
Tensor non_saturating_generator_loss(const Tensor& fake);
///@}

///@{
/// ((real - 1)² + fake²) / 2, and (fake - 1)² / 2 (Mao et al. 2017, with a = 0, b = c = 1).
Tensor least_squares_discriminator_loss(const Tensor& real, const Tensor& fake);
Tensor least_squares_generator_loss(const Tensor& fake);
///@}

///@{
/// max(0, 1 - real) + max(0, 1 + fake), and -fake (Lim and Ye 2017).
Tensor hinge_discriminator_loss(const Tensor& real, const Tensor& fake);
Tensor hinge_generator_loss(const Tensor& fake);
///@}

///@{
/// fake - real, and -fake (Arjovsky, Chintala and Bottou 2017).
Tensor wasserstein_critic_loss(const Tensor& real, const Tensor& fake);
Tensor wasserstein_generator_loss(const Tensor& fake);
///@}

namespace detail {

/// A point on the line between each real sample and its fake one, drawn uniformly, as a leaf.
Tensor between(const Tensor& real, const Tensor& fake, Rng& rng);
/// |d sum(scores) / d samples|² of each sample, [batch], recorded.
Tensor squared_gradient_norms(const Tensor& scores, const Tensor& samples);
/// mean((sqrt(squares) - 1)²)
Tensor distance_from_one(const Tensor& squares);
Tensor leaf(const char* name, const Tensor& samples);

}  // namespace detail

/// mean((|gradient of the critic| - 1)²) at random points between real and fake samples (Gulrajani et al.
/// 2017); the paper adds it 10 times to the critic's loss. `critic`: a module or a function that takes
/// samples [batch, ...] and treats each on its own (no batch normalisation). Both samples are taken as
/// constants. Differentiable in the critic's parameters; where a gradient is 0 its norm's derivative is
/// taken as 0. Throws Error where the shapes differ, and for no samples.
template <class Critic>
Tensor gradient_penalty(Critic&& critic, const Tensor& real, const Tensor& fake, Rng& rng) {
  const Tensor samples = detail::between(real, fake, rng);
  const Tensor scores = critic(samples);
  return detail::distance_from_one(detail::squared_gradient_norms(scores, samples));
}

/// mean(|gradient of the discriminator|²) at real samples (Mescheder, Geiger and Nowozin 2018); the
/// paper adds it gamma / 2 times, with gamma = 10.
template <class Critic>
Tensor r1_penalty(Critic&& critic, const Tensor& real) {
  const Tensor samples = detail::leaf("r1_penalty", real);
  const Tensor scores = critic(samples);
  return mean(detail::squared_gradient_norms(scores, samples));
}

}  // namespace mnemo::nn
