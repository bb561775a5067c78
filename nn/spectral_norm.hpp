#pragma once
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

/// How the largest singular value is followed.
struct SpectralNormOptions {
  int power_iterations = 1;  ///< a forward pass in training
  double epsilon = 1e-12;    ///< least length that a vector is divided by
};

namespace detail {

/// The axis of a layer's weight that belongs to the outputs.
template <class M>
inline constexpr std::int64_t output_axis = 0;
template <>
inline constexpr std::int64_t output_axis<ConvTranspose1d> = 1;
template <>
inline constexpr std::int64_t output_axis<ConvTranspose2d> = 1;

/// A random vector of length 1.
Tensor unit_vector(std::int64_t length, Rng& rng, DType dtype);
/// `weight` over its largest singular value, as the vectors know it; `iterations` of v = Wᵀu / |Wᵀu|,
/// u = Wv / |Wv| improve them first, in place.
Tensor spectrally_normalized(const Tensor& weight, std::int64_t axis, const Tensor& u,
                             const Tensor& v, int iterations, double epsilon);

}  // namespace detail

/// A layer whose weight is divided by its largest singular value each time it is used (Miyato et al.
/// 2018, algorithm 1): `nn::SpectralNorm(nn::Conv2d(...), rng)`, for layers that have a `weight`. The
/// singular vectors follow the weight by power iterations, in training only, and are taken as constant
/// by gradients. They are the buffers `weight_u` [outputs] and `weight_v` [the rest], named and updated
/// as by torch.nn.utils.spectral_norm; the parameter keeps its name `weight`.
template <class M>
class SpectralNorm : public Layer<SpectralNorm<M>, M> {
 public:
  /// Throws Error for fewer than one power iteration.
  SpectralNorm(M layer, Rng& rng, const SpectralNormOptions& options = {})
      : Layer<SpectralNorm<M>, M>(std::move(layer)), options_(options) {
    if (options.power_iterations < 1) {
      mnemo::detail::fail("SpectralNorm: ", options.power_iterations,
                          " power iterations; at least 1");
    }
    const std::int64_t outputs = this->weight.size(detail::output_axis<M>);
    weight_u = this->buffer("weight_u", detail::unit_vector(outputs, rng, this->weight.dtype()));
    weight_v = this->buffer("weight_v", detail::unit_vector(this->weight.elements() / outputs, rng,
                                                            this->weight.dtype()));
  }
  /// The layer's function with the divided weight; in training the vectors are improved first.
  Tensor forward(const Tensor& x) override {
    struct Restore {
      Tensor& slot;
      Tensor before;
      ~Restore() { slot = before; }
    } restore{this->weight, this->weight};
    this->weight = detail::spectrally_normalized(
        restore.before, detail::output_axis<M>, weight_u, weight_v,
        this->training() ? options_.power_iterations : 0, options_.epsilon);
    return M::forward(x);
  }
  /// "SpectralNorm(...)" around what the layer is.
  std::string describe() const override { return "SpectralNorm(" + M::describe() + ")"; }

  ///@{
  /// Left and right singular vector, each of length 1: [outputs] and [the rest].
  Buffer weight_u;
  Buffer weight_v;
  ///@}

 private:
  SpectralNormOptions options_;
};

}  // namespace mnemo::nn
