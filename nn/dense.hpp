#pragma once
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/initializers.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// What a Dense has, besides its lengths.
struct DenseOptions {
  bool bias = true;  ///< with a parameter `bias`
  /// Of `weight`; the default is PyTorch's.
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;  ///< of the parameters, and so of the input
};

/// y = x Wᵀ + b: x [..., in] gives [..., out]. Parameters `weight` [out, in] and `bias` [out], which
/// starts uniform in ±1 / sqrt(in), as in PyTorch.
class Dense : public Layer<Dense> {
 public:
  /// Throws Error for lengths below 1.
  Dense(std::int64_t in, std::int64_t out, Rng& rng, const DenseOptions& options = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Parameter weight;  ///< [out, in]
  Parameter bias;    ///< [out]; undefined where switched off
};

}  // namespace mnemo::nn
