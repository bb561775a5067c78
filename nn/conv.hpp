#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/initializers.hpp"
#include "mnemo/nn/module.hpp"

/// Convolutions with parameters. All constructors throw Error for channels or kernels below 1 and for
/// channels that the groups do not divide.
namespace mnemo::nn {

struct Conv2dOptions {
  Pair kernel;
  Pair stride = 1;
  Padding padding = 0;  ///< "same" keeps height and width
  Pair dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;
};

struct ConvTranspose2dOptions {
  Pair kernel;
  Pair stride = 1;
  Pair padding = 0;
  Pair output_padding = 0;
  Pair dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;
};

/// Along one axis; options that are pairs must be alike, as in conv1d.
using Conv1dOptions = Conv2dOptions;
using ConvTranspose1dOptions = ConvTranspose2dOptions;

namespace detail {

/// What the four layers are: a convolution along `axes` axes, transposed if its options are.
template <std::size_t axes, class Options>
class Convolution : public Layer<Convolution<axes, Options>> {
 public:
  Convolution(std::int64_t in, std::int64_t out, const Options& options, Rng& rng);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Parameter weight;
  Parameter bias;  ///< undefined where switched off

 private:
  std::int64_t in_;
  std::int64_t out_;
  Options options_;
};

extern template class Convolution<1, Conv2dOptions>;
extern template class Convolution<2, Conv2dOptions>;
extern template class Convolution<1, ConvTranspose2dOptions>;
extern template class Convolution<2, ConvTranspose2dOptions>;

}  // namespace detail

/// conv1d of [batch, in, length]; parameters `weight` [out, in / groups, kernel] and `bias` [out].
using Conv1d = detail::Convolution<1, Conv1dOptions>;
/// conv2d with parameters `weight` [out, in / groups, kh, kw] and `bias` [out].
using Conv2d = detail::Convolution<2, Conv2dOptions>;
/// conv_transpose1d of [batch, in, length]; parameters `weight` [in, out / groups, kernel] and
/// `bias` [out].
using ConvTranspose1d = detail::Convolution<1, ConvTranspose1dOptions>;
/// conv_transpose2d with parameters `weight` [in, out / groups, kh, kw] and `bias` [out].
using ConvTranspose2d = detail::Convolution<2, ConvTranspose2dOptions>;

}  // namespace mnemo::nn
