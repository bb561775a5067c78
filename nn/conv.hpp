#pragma once
#include "mnemo/core/conv.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/nn/initializers.hpp"
#include "mnemo/nn/module.hpp"

namespace mnemo::nn {

struct Conv2dOptions {
  Pair kernel;
  Pair stride = 1;
  Pair padding = 0;
  Pair dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  Initializer weight_initializer = init::fan_in_uniform();
  DType dtype = DType::float32;
};

/// conv2d with parameters `weight` [out, in / groups, kh, kw] and `bias` [out].
class Conv2d : public Module {
 public:
  /// Throws Error for channels below 1 or not divided by the groups.
  Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& options, Rng& rng);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Tensor weight;
  Tensor bias;  ///< undefined where switched off

 private:
  ConvOptions options_;
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

/// conv_transpose2d with parameters `weight` [in, out / groups, kh, kw] and `bias` [out].
class ConvTranspose2d : public Module {
 public:
  /// Throws Error for channels below 1 or not divided by the groups.
  ConvTranspose2d(std::int64_t in, std::int64_t out, const ConvTranspose2dOptions& options, Rng& rng);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;

  Tensor weight;
  Tensor bias;  ///< undefined where switched off

 private:
  ConvTransposeOptions options_;
};

}  // namespace mnemo::nn
