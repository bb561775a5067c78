#pragma once
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// What a MultiHeadAttention has, and in which dtype.
struct AttentionOptions {
  bool bias = true;              ///< add a bias in all four projections
  DType dtype = DType::float32;  ///< of the parameters, and so of the input
};

/// Which keys a query may look at; undefined masks hide nothing.
struct AttentionMasks {
  /// Broadcast to [batch, heads, queries, keys]. bool: true hides; else numbers that are added to the
  /// scores. A query from which all is hidden gives NaN, as in PyTorch.
  Tensor attention = {};
  Tensor padding = {};  ///< bool [batch, keys]: true hides the key from all queries
  bool causal = false;  ///< hides the keys behind each query's own position
};

/// Attention by several heads (Vaswani et al. 2017): each sees its own part of the projected channels and
/// gives softmax(q kᵀ / sqrt(channels of a head)) v; the parts are joined and projected. Parameters as in
/// PyTorch: `in_proj_weight` [3 channels, channels] for query, key and value one below the other (Glorot
/// uniform), `in_proj_bias` [3 channels] (0), `out_proj/weight` and `out_proj/bias` (0).
class MultiHeadAttention : public Layer<MultiHeadAttention> {
 public:
  /// Throws Error unless the heads divide the channels.
  MultiHeadAttention(std::int64_t channels, std::int64_t heads, Rng& rng,
                     const AttentionOptions& options = {});
  /// query [batch, queries, channels], key and value [batch, keys, channels]; gives the query's shape.
  /// Throws Error where shapes do not fit.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value,
                 const AttentionMasks& masks = {});
  /// Of x with itself.
  Tensor forward(const Tensor& x) override { return forward(x, x, x); }
  std::string describe() const override;

  ///@{
  /// [3 channels, channels] and [3 channels]; the bias is undefined where switched off.
  Parameter in_proj_weight;
  Parameter in_proj_bias;
  ///@}

 private:
  Tensor projected(const Tensor& x, std::int64_t part) const;

  std::int64_t channels_;
  std::int64_t heads_;
};

}  // namespace mnemo::nn
