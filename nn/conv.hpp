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

/// What the four have in common.
class Convolution : public Module {
 public:
  std::string describe() const override { return description_; }

  Parameter weight;
  Parameter bias;  ///< undefined where switched off

 protected:
  /// A weight of [first, second / groups, kernel...], with a kernel of `axes` lengths.
  template <class Options>
  Convolution(const char* name, std::int64_t first, std::int64_t second, std::size_t axes,
              const Options& options, Rng& rng);

 private:
  std::string description_;
};

/// conv2d with parameters `weight` [out, in / groups, kh, kw] and `bias` [out].
class Conv2d : public Layer<Conv2d, Convolution> {
 public:
  Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options, Rng& rng);
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions options_;
};

/// conv_transpose2d with parameters `weight` [in, out / groups, kh, kw] and `bias` [out].
class ConvTranspose2d : public Layer<ConvTranspose2d, Convolution> {
 public:
  ConvTranspose2d(std::int64_t in, std::int64_t out, const ConvTranspose2dOptions& options,
                  Rng& rng);
  Tensor forward(const Tensor& x) override;

 private:
  ConvTransposeOptions options_;
};

/// conv1d of [batch, in, length]; parameters `weight` [out, in / groups, kernel] and `bias`
/// [out].
class Conv1d : public Layer<Conv1d, Convolution> {
 public:
  Conv1d(std::int64_t in, std::int64_t out, const Conv1dOptions& options, Rng& rng);
  Tensor forward(const Tensor& x) override;

 private:
  ConvOptions options_;
};

/// conv_transpose1d of [batch, in, length]; parameters `weight` [in, out / groups, kernel] and `bias`
/// [out].
class ConvTranspose1d : public Layer<ConvTranspose1d, Convolution> {
 public:
  ConvTranspose1d(std::int64_t in, std::int64_t out, const ConvTranspose1dOptions& options,
                  Rng& rng);
  Tensor forward(const Tensor& x) override;

 private:
  ConvTransposeOptions options_;
};

}  // namespace mnemo::nn
