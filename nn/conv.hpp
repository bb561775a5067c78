#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/initializers.hpp"
#include "mnemo/nn/module.hpp"

/// Convolutions with parameters. All constructors throw Error for channels or kernels below 1 and for
/// channels that the groups do not divide.
namespace mnemo::nn {

/// What a Conv2d is, besides its channels: `{.kernel = 3, .stride = 2, .padding = 1}`.
struct Conv2dOptions {
  Pair kernel;              ///< height and width, at least 1
  Pair stride = 1;          ///< step between two places of the kernel
  Padding padding = 0;      ///< "same" keeps height and width
  Pair dilation = 1;        ///< distance of neighbouring elements under the kernel
  std::int64_t groups = 1;  ///< each takes its part of the channels; divides both counts
  bool bias = true;         ///< with a parameter `bias`, uniform in ±1 / sqrt(fan in) at first
  /// Of `weight`; the default is PyTorch's.
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;  ///< of the parameters, and so of the input
};

/// What a ConvTranspose2d is, besides its channels; see ConvTransposeOptions on the numbers.
struct ConvTranspose2dOptions {
  Pair kernel;              ///< height and width, at least 1
  Pair stride = 1;          ///< distance of two inputs in the result
  Pair padding = 0;         ///< taken off on both sides of the result
  Pair output_padding = 0;  ///< added at the bottom and the right; below stride
  Pair dilation = 1;        ///< distance of neighbouring elements under the kernel
  std::int64_t groups = 1;  ///< each takes its part of the channels; divides both counts
  bool bias = true;         ///< with a parameter `bias`, uniform in ±1 / sqrt(fan in) at first
  /// Of `weight`; the default is PyTorch's.
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;  ///< of the parameters, and so of the input
};

///@{
/// Along one axis; options that are pairs must be alike, as in conv1d.
using Conv1dOptions = Conv2dOptions;
using ConvTranspose1dOptions = ConvTranspose2dOptions;
///@}

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
