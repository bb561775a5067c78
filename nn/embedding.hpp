#pragma once
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/initializers.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// How the table of an Embedding begins.
struct EmbeddingOptions {
  Initializer weight_initializer = init::normal();  ///< of `weight`; the default is PyTorch's
  DType dtype = DType::float32;                     ///< of the table, and so of the result
};

/// A row of the table for each index: indices [...] of an integer dtype give [..., length]. Parameter
/// `weight` [count, length], standard normal at first, as in PyTorch.
class Embedding : public Layer<Embedding> {
 public:
  /// Throws Error for lengths below 1.
  Embedding(std::int64_t count, std::int64_t length, Rng& rng,
            const EmbeddingOptions& options = {});
  /// Throws Error for indices of another dtype or outside [0, count).
  Tensor forward(const Tensor& indices) override;
  std::string describe() const override;

  Parameter weight;  ///< [count, length]
};

}  // namespace mnemo::nn
