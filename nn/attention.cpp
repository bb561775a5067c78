#include "mnemo/nn/attention.hpp"

#include <cmath>
#include <limits>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "mnemo/core/softmax.hpp"
#include "mnemo/nn/dense.hpp"

namespace mnemo::nn {
namespace {

constexpr double hidden = -std::numeric_limits<double>::infinity();

void expect_input(const char* which, const Tensor& x, const Tensor& query, const Tensor& key,
                  const Tensor& weight) {
  constexpr const char* name = "MultiHeadAttention";
  if (x.rank(name) == 3 && x.size(2) == weight.size(1) && x.size(0) == query.size(0) &&
      (&x == &query || x.size(1) == key.size(1)) && x.dtype() == weight.dtype()) {
    return;
  }
  detail::fail(name, ": ", which, " ", x.shape(), " ", x.dtype(), " should be [batch, length, ",
               weight.size(1), "] ", weight.dtype(), " (query ", query.shape(), ", key ",
               key.shape(name), ")");
}

// 0, or minus infinity where hidden; or the numbers to be added.
Tensor as_added(const char* which, const Tensor& mask, DType dtype, const Shape& scores) {
  if (!(broadcast_shapes("MultiHeadAttention: mask", mask.shape(), scores) == scores)) {
    detail::fail("MultiHeadAttention: ", which, " ", mask.shape(), " does not broadcast to ",
                 scores);
  }
  if (mask.dtype() == DType::boolean) {
    return where(mask, full(mask.shape(), hidden, dtype), 0.0);
  }
  if (mask.dtype() == dtype) return mask;
  detail::fail("MultiHeadAttention: ", which, " is ", mask.dtype(), "; bool or ", dtype,
               " are possible");
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(std::int64_t channels, std::int64_t heads, Rng& rng,
                                       const AttentionOptions& options)
    : channels_(channels), heads_(heads) {
  if (channels < 1 || heads < 1 || channels % heads != 0) {
    detail::fail("MultiHeadAttention: ", heads, " heads do not divide ", channels, " channels");
  }
  const Shape shape{3 * channels, channels};
  in_proj_weight = parameter("in_proj_weight", init::glorot_uniform()(shape, rng, options.dtype));
  if (options.bias) {
    in_proj_bias = parameter("in_proj_bias", zeros({3 * channels}, options.dtype));
  }
  Dense& out = child(
      "out_proj", Dense(channels, channels, rng, {.bias = options.bias, .dtype = options.dtype}));
  const NoGrad no_grad;
  if (options.bias) out.bias.fill(0.0);
}

// Part 0 (query), 1 (key) or 2 (value) of the first projection, [batch, heads, length, channels / heads].
Tensor MultiHeadAttention::projected(const Tensor& x, std::int64_t part) const {
  const std::int64_t begin = part * channels_, end = begin + channels_;
  const Tensor bias = in_proj_bias.defined() ? slice(in_proj_bias, 0, begin, end) : Tensor();
  const Tensor y = linear(x, slice(in_proj_weight, 0, begin, end), bias);
  return permute(y.reshape({x.size(0), x.size(1), heads_, channels_ / heads_}), {0, 2, 1, 3});
}

Tensor MultiHeadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMasks& masks) {
  expect_input("query", query, query, key, in_proj_weight);
  expect_input("key", key, query, key, in_proj_weight);
  expect_input("value", value, query, key, in_proj_weight);
  const std::int64_t of_a_head = channels_ / heads_;
  const double scale = 1.0 / std::sqrt(static_cast<double>(of_a_head));
  Tensor scores = matmul(projected(query, 0) * scale, projected(key, 1), false, true);
  const auto add = [&](const char* which, const Tensor& mask) {
    scores = scores + as_added(which, mask, scores.dtype(), scores.shape());
  };
  if (masks.attention.defined()) add("the mask", masks.attention);
  if (masks.padding.defined()) {
    const Shape expected{query.size(0), key.size(1)};
    if (!(masks.padding.shape() == expected)) {
      detail::fail("MultiHeadAttention: the padding ", masks.padding.shape(), " should be ",
                   expected);
    }
    add("the padding", masks.padding.reshape({query.size(0), 1, 1, key.size(1)}));
  }
  if (masks.causal) {
    add("the causal mask", triu(ones({query.size(1), key.size(1)}, scores.dtype()), 1) > 0.0);
  }
  const Tensor joined = permute(matmul(softmax(scores), projected(value, 2)), {0, 2, 1, 3});
  return at("out_proj")(joined.reshape(query.shape()));
}

std::string MultiHeadAttention::describe() const {
  return detail::text("MultiHeadAttention(", channels_, ", ", heads_, " heads)");
}

}  // namespace mnemo::nn
