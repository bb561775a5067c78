#pragma once
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// Gives each sample another shape: [batch, ...] becomes [batch, shape...]. One length may be -1.
class Reshape : public Layer<Reshape> {
 public:
  /// `shape` is that of one sample, without the batch.
  explicit Reshape(Shape shape) : shape_(std::move(shape)) {}
  /// Throws Error where the elements of a sample do not fit.
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

 private:
  Shape shape_;
};

/// [batch, ...] becomes [batch, elements of a sample].
class Flatten : public Layer<Flatten> {
 public:
  Tensor forward(const Tensor& x) override;
};

}  // namespace mnemo::nn
