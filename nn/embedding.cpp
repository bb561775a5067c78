#include "mnemo/nn/embedding.hpp"

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/nn/detail/initial_values.hpp"

namespace mnemo::nn {

Embedding::Embedding(std::int64_t count, std::int64_t length, Rng& rng,
                     const EmbeddingOptions& options) {
  if (count < 1 || length < 1) {
    detail::fail("Embedding: ", count, " rows of ", length, "; both must be at least 1");
  }
  weight = parameter("weight", detail::initial_weight(options.weight_initializer, {count, length},
                                                      rng, options.dtype));
}

Tensor Embedding::forward(const Tensor& indices) {
  if (!is_integer(indices.dtype())) {
    detail::fail("Embedding: indices ", indices.shape(), " are ", indices.dtype(),
                 ", not integers");
  }
  // take() counts negative indices from the end, which would hide a mistake here.
  const Tensor wide = cast(indices, DType::int64);
  for (const std::int64_t index : wide.span<std::int64_t>()) {
    if (index < 0 || index >= weight.size(0)) {
      detail::fail("Embedding: index ", index, " is outside [0, ", weight.size(0), ")");
    }
  }
  return take(weight, wide);
}

std::string Embedding::describe() const {
  return detail::text("Embedding(", weight.size(0), " of ", weight.size(1), ")");
}

}  // namespace mnemo::nn
