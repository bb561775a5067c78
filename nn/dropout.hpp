#pragma once
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// In training sets each element to 0 with probability p and divides the others by 1 - p (Srivastava et
/// al. 2014); in evaluation does nothing. The state of the generator that is given is shared, not
/// copied, and is the buffer `rng_state`, so that a resumed run drops the same elements. Layers that are
/// given the same generator draw from it in turn, and its state has one name, that in the first of them.
class Dropout : public Layer<Dropout> {
 public:
  /// Throws Error for p outside [0, 1].
  Dropout(double p, const Rng& rng) : Dropout("Dropout", p, rng) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 protected:
  /// For a layer that drops otherwise; `name` is for messages.
  Dropout(const char* name, double p, const Rng& rng);
  /// function(x, p, generator) in training, x in evaluation.
  Tensor applied(Tensor (*function)(const Tensor&, double, Rng&), const Tensor& x);

 private:
  const char* name_;
  double p_;
  Buffer rng_state_;
};

/// The same for whole channels of [batch, channels, ...] (Tompson et al. 2015).
class Dropout2d : public Layer<Dropout2d, Dropout> {
 public:
  /// Throws Error for p outside [0, 1].
  Dropout2d(double p, const Rng& rng) : Layer("Dropout2d", p, rng) {}
  Tensor forward(const Tensor& x) override;
};

}  // namespace mnemo::nn
