// Layers against PyTorch (tests/golden/record_layers.py) in both dtypes: outputs, gradients, running state.
#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "errors.hpp"
#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/check_gradients.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/attention.hpp"
#include "mnemo/nn/batch_norm.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/dropout.hpp"
#include "mnemo/nn/embedding.hpp"
#include "mnemo/nn/norm.hpp"
#include "mnemo/nn/pooling.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/nn/shape_layers.hpp"
#include "mnemo/nn/spectral_norm.hpp"

using namespace mnemo;
using nn::Module;

namespace {

constexpr DType f32 = DType::float32, f64 = DType::float64;

const Variables& recorded() {
  static const Variables file = golden::read("layers");
  return file;
}

/// What the file holds under `prefix`, without it, in `dtype`.
Variables group(const std::string& prefix, DType dtype) {
  Variables result;
  for (const auto& [name, tensor] : recorded()) {
    if (name.starts_with(prefix)) result.add(name.substr(prefix.size()), cast(tensor, dtype));
  }
  return result;
}

using Call = std::function<Tensor(const Tensor&)>;

/// Holds `module`, or `call` of it, against a recorded case.
void expect_recorded(const std::string& name, Module& module, DType dtype, Call call = nullptr) {
  CAPTURE(name);
  CAPTURE(dtype);
  const double tolerance = golden::tolerance(dtype, 1e-12, 5e-6);
  module.copy_values(group(name + "/state/", dtype), module.variables());
  Tensor x = recorded().at(name + "/x");
  if (x.dtype() != DType::int64) x = cast(x, dtype).set_requires_grad();
  const Tensor y = call ? call(x) : module(x);
  golden::expect_close("y", y, golden::get(recorded(), name + "/y", dtype), tolerance);
  const Variables expected = group(name + "/gradient/", dtype);
  REQUIRE(module.parameters().size() == expected.size());
  Variables inputs = module.parameters();
  if (x.requires_grad()) inputs.add("x", x);
  if (inputs.empty()) return;
  const Variables gradients =
      grad({y}, inputs, {.grad_outputs = {golden::get(recorded(), name + "/upstream", dtype)}});
  for (const auto& [of, gradient] : expected) {
    golden::expect_close(of, gradients.at(of), gradient, tolerance,
                         std::max(1.0, golden::scale(gradient)));
  }
  if (x.requires_grad()) {
    golden::expect_close("x_gradient", gradients.at("x"),
                         golden::get(recorded(), name + "/x_gradient", dtype), tolerance);
  }
  const Variables after = group(name + "/after/", dtype);
  REQUIRE(module.variables().size() == after.size());
  for (const auto& [of, tensor] : after) {
    golden::expect_close(of, module.variables().at(of), tensor, tolerance);
  }
}

/// First and second derivatives by the input, against central differences.
void expect_gradients(Module& module, const Shape& shape) {
  CAPTURE(module.describe());
  Rng rng(5);
  const GradientCheck check =
      check_gradients([&](const std::vector<Tensor>& at) { return module(at[0]); },
                      {rng.normal(shape, 0.0, 1.0, f64)});
  INFO(check.text());
  CHECK(check.passed);
}

void set(const Tensor& parameter, double value) {
  const NoGrad no_grad;
  parameter.fill(value);
}

}  // namespace

TEST_CASE("layers agree with PyTorch: outputs, gradients, running state") {
  for (const DType dtype : {f64, f32}) {
    Rng rng(1);
    const auto is = [&](const char* name, Module&& module) {
      expect_recorded(name, module, dtype);
    };
    is("dense", nn::Dense(6, 3, rng, {.dtype = dtype}));
    is("conv2d",
       nn::Conv2d(
           4, 6,
           {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}, .groups = 2, .dtype = dtype},
           rng));
    is("conv_transpose2d", nn::ConvTranspose2d(4, 6,
                                               {.kernel = 3,
                                                .stride = 2,
                                                .padding = 1,
                                                .output_padding = 1,
                                                .groups = 2,
                                                .dtype = dtype},
                                               rng));
    is("conv1d",
       nn::Conv1d(
           4, 6,
           {.kernel = 3, .stride = 2, .padding = 2, .dilation = 2, .groups = 2, .dtype = dtype},
           rng));
    is("conv_transpose1d",
       nn::ConvTranspose1d(
           4, 6, {.kernel = 3, .stride = 3, .padding = 1, .output_padding = 2, .dtype = dtype},
           rng));
    is("batch_norm1d", nn::BatchNorm1d(6, {.dtype = dtype}));
    is("batch_norm1d_line", nn::BatchNorm1d(4, {.epsilon = 1e-3, .momentum = 0.3, .dtype = dtype}));
    is("batch_norm2d", nn::BatchNorm2d(4, {.dtype = dtype}));
    is("batch_norm1d_plain", nn::BatchNorm1d(4, {.affine = false, .dtype = dtype}));
    nn::BatchNorm2d evaluated(4, {.dtype = dtype});
    evaluated.eval();
    expect_recorded("batch_norm2d_eval", evaluated, dtype);
    is("embedding", nn::Embedding(7, 3, rng, {.dtype = dtype}));
    is("residual",
       nn::Residual(
           nn::Sequential(
               {{"conv", nn::Conv2d(3, 4, {.kernel = 3, .padding = 1, .dtype = dtype}, rng)},
                {"act", nn::GELU()}}),
           nn::Conv2d(3, 4, {.kernel = 1, .bias = false, .dtype = dtype}, rng)));
  }
}

TEST_CASE("normalisations of single samples agree with PyTorch") {
  for (const DType dtype : {f64, f32}) {
    const auto is = [&](const char* name, Module&& module) {
      expect_recorded(name, module, dtype);
    };
    is("layer_norm", nn::LayerNorm(6, {.dtype = dtype}));
    is("layer_norm_two_axes", nn::LayerNorm({5, 6}, {.epsilon = 1e-2, .dtype = dtype}));
    is("group_norm", nn::GroupNorm(2, 4, {.dtype = dtype}));
    is("group_norm_flat", nn::GroupNorm(3, 6, {.dtype = dtype}));
    is("instance_norm2d", nn::InstanceNorm2d(4));
    is("instance_norm2d_affine", nn::InstanceNorm2d(4, {.dtype = dtype}));
    is("rms_norm", nn::RMSNorm(6, {.epsilon = 1e-5, .dtype = dtype}));
    is("rms_norm_two_axes", nn::RMSNorm({5, 6}, {.epsilon = 1e-2, .dtype = dtype}));
  }
}

TEST_CASE("spectral normalisation agrees with PyTorch, its vectors too") {
  for (const DType dtype : {f64, f32}) {
    Rng rng(1);
    nn::SpectralNorm dense(nn::Dense(6, 3, rng, {.dtype = dtype}), rng);
    expect_recorded("spectral_dense", dense, dtype);
    nn::SpectralNorm conv(nn::Conv2d(4, 6, {.kernel = 3, .dtype = dtype}, rng), rng,
                          {.power_iterations = 3});
    expect_recorded("spectral_conv2d", conv, dtype);
    nn::SpectralNorm transposed(nn::ConvTranspose2d(4, 6, {.kernel = 3, .dtype = dtype}, rng), rng);
    expect_recorded("spectral_conv_transpose2d", transposed, dtype);
    dense.eval();
    expect_recorded("spectral_eval", dense, dtype);
  }
  Rng rng(2);
  nn::SpectralNorm layer(nn::Dense(8, 5, rng, {.bias = false}), rng, {.power_iterations = 200});
  const Tensor weight = layer.weight;
  layer(ones({1, 8}));
  CHECK(layer.weight.shares_storage_with(weight));  // the parameter is back in its place
  layer.eval();
  // Its largest singular value is 1 now: one more multiplication does not make u longer.
  const Tensor y = layer(layer.weight_v.reshape({1, 8}));
  CHECK(norm(y).item() == doctest::Approx(1.0).epsilon(1e-5));
  CHECK(mentions(
      error_of([&] { nn::SpectralNorm(nn::Dense(2, 2, rng), rng, {.power_iterations = 0}); }),
      {"SpectralNorm", "0 power iterations"}));
}

TEST_CASE("activations as modules agree with PyTorch") {
  for (const DType dtype : {f64, f32}) {
    const auto is = [&](const char* name, Module&& module) {
      expect_recorded(name, module, dtype);
    };
    is("relu", nn::ReLU());
    is("leaky_relu", nn::LeakyReLU(0.2));
    is("tanh", nn::Tanh());
    is("sigmoid", nn::Sigmoid());
    is("softplus", nn::Softplus());
    is("elu", nn::ELU(0.7));
    is("selu", nn::SELU());
    is("silu", nn::SiLU());
    is("gelu", nn::GELU());
    is("gelu_tanh", nn::GELU(Gelu::tanh));
    is("hardtanh", nn::Hardtanh(-0.5, 0.7));
    is("softmax", nn::Softmax());
    is("log_softmax", nn::LogSoftmax());
  }
}

TEST_CASE("pooling, up-sampling and shuffling as modules agree with PyTorch") {
  for (const DType dtype : {f64, f32}) {
    const auto is = [&](const char* name, Module&& module) {
      expect_recorded(name, module, dtype);
    };
    is("max_pool2d", nn::MaxPool2d({.kernel = 2}));
    is("max_pool1d", nn::MaxPool1d({.kernel = 3, .stride = 2, .padding = 1}));
    is("avg_pool1d", nn::AvgPool1d({.kernel = 3, .stride = 2, .padding = 1}));
    is("max_pool2d_padded", nn::MaxPool2d({.kernel = 3, .stride = 2, .padding = 1}));
    is("avg_pool2d", nn::AvgPool2d({.kernel = 2}));
    is("avg_pool2d_padded", nn::AvgPool2d({.kernel = 3, .stride = 2, .padding = 1}));
    is("adaptive_avg_pool2d", nn::AdaptiveAvgPool2d({3, 4}));
    is("upsample_nearest", nn::Upsample(2));
    is("upsample_bilinear", nn::Upsample(2, Interpolation::bilinear));
    is("pixel_shuffle", nn::PixelShuffle(2));
  }
  CHECK(mentions(error_of([] {
                   nn::MaxPool1d({.kernel = {2, 3}})(zeros({1, 1, 4}));
                 }),
                 {"max_pool1d", "[2, 3]", "one number"}));
  CHECK(nn::MaxPool2d({.kernel = {3, 2}, .stride = 2}).describe() ==
        "MaxPool2d(kernel 3x2, stride 2)");
  CHECK(nn::AdaptiveAvgPool2d(1).describe() == "AdaptiveAvgPool2d(1)");
}

TEST_CASE("attention agrees with PyTorch, with and without masks") {
  for (const DType dtype : {f64, f32}) {
    Rng rng(1);
    nn::MultiHeadAttention attention(8, 2, rng, {.dtype = dtype});
    expect_recorded("attention", attention, dtype);
    const Tensor padding = from_values<float>({0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, {2, 5}) > 0.5;
    expect_recorded("attention_masked", attention, dtype, [&](const Tensor& x) {
      return attention.forward(x, x, x, {.padding = padding, .causal = true});
    });
    const Tensor added = golden::get(recorded(), "attention_added/mask", dtype);
    expect_recorded("attention_added", attention, dtype, [&](const Tensor& x) {
      return attention.forward(x, x, x, {.attention = added});
    });
    const Tensor causal = triu(ones({5, 5}), 1) > 0.5;
    const Tensor x = golden::get(recorded(), "attention_masked/x", dtype);
    const Tensor both = attention.forward(x, x, x, {.attention = causal, .padding = padding});
    CHECK(all(both == attention.forward(x, x, x, {.padding = padding, .causal = true})).item() ==
          1.0);
    const Tensor memory = golden::get(recorded(), "attention_cross/memory", dtype);
    expect_recorded("attention_cross", attention, dtype,
                    [&](const Tensor& v) { return attention.forward(v, memory, memory); });
  }
  Rng rng(2);
  nn::MultiHeadAttention attention(4, 2, rng, {.dtype = f64});
  expect_gradients(attention, {1, 3, 4});
  nn::MultiHeadAttention copy = attention.clone();
  const Tensor x = rng.normal({2, 3, 4}, 0.0, 1.0, f64);
  CHECK(all(copy(x) == attention(x)).item() == 1.0);
  CHECK_FALSE(copy.in_proj_weight.shares_storage_with(attention.in_proj_weight));
  CHECK(mentions(error_of([&] { nn::MultiHeadAttention(4, 3, rng); }), {"3 heads", "4 channels"}));
  CHECK(mentions(error_of([&] {
                   attention(zeros({2, 3, 5}, f64));
                 }),
                 {"query", "[2, 3, 5]", "4]"}));
  CHECK(mentions(error_of([&] {
                   attention.forward(x, zeros({2, 5, 4}, f64), zeros({2, 6, 4}, f64));
                 }),
                 {"value", "[2, 6, 4]"}));
  CHECK(mentions(error_of([&] {
                   attention.forward(x, x, x, {.attention = zeros({4, 4}, f64)});
                 }),
                 {"mask", "[4, 4]"}));
  const Tensor hides = zeros({3, 2}) > 0.0;
  CHECK(mentions(error_of([&] { attention.forward(x, x, x, {.padding = hides}); }),
                 {"padding [3, 2]", "[2, 3]"}));
}

TEST_CASE(
    "second derivatives of the layers that are composed here agree with central differences") {
  Rng rng(4);
  const nn::NormOptions norm_options{.epsilon = 1e-2, .dtype = f64};
  const auto check = [](Module&& module, const Shape& shape) { expect_gradients(module, shape); };
  check(nn::LayerNorm(4, norm_options), {3, 4});
  check(nn::GroupNorm(2, 4, norm_options), {2, 4, 3});
  check(nn::InstanceNorm2d(2, norm_options), {2, 2, 2, 2});
  check(nn::RMSNorm(4, {.epsilon = 1e-2, .dtype = f64}), {3, 4});
  check(nn::Conv1d(2, 3, {.kernel = 2, .dtype = f64}, rng), {2, 2, 4});
  check(nn::ConvTranspose1d(2, 3, {.kernel = 2, .stride = 2, .dtype = f64}, rng), {2, 2, 3});
}

TEST_CASE("normalisations at the borders") {
  nn::LayerNorm single(1);  // each value is its own mean: the bias is left, as in PyTorch
  set(single.bias, 0.25);
  const Tensor x = from_values<float>({3.0f, -2.0f}, {2, 1}).set_requires_grad();
  const Tensor y = single(x);
  CHECK(y.at({0, 0}) == 0.25);
  CHECK(grad({sum(y)}, {x})[0].at({1, 0}) == 0.0);
  CHECK(nn::LayerNorm(3)(zeros({0, 3})).shape() == Shape{0, 3});
  CHECK(nn::GroupNorm(2, 4)(zeros({0, 4, 2})).shape() == Shape{0, 4, 2});
  CHECK(nn::RMSNorm(3)(zeros({0, 3})).shape() == Shape{0, 3});
  // Far from 0 the variance keeps its digits, and the small rest of the mean counts.
  const Tensor far = from_values<float>({10000.0f, 10001.0f, 10002.0f, 10003.0f}, {1, 4});
  CHECK(nn::LayerNorm(4)(far).at({0, 3}) == doctest::Approx(1.34164).epsilon(1e-5));
  for (const Shape& shape : {Shape{8, 4, 5, 13}, Shape{64, 4, 1, 1}}) {
    const Tensor x32 = Rng(1).normal(shape, 100.0, 0.01);
    const Tensor x64 = cast(x32, DType::float64);
    const Tensor up = Rng(2).normal(shape, 0.0, 1.0, DType::float64);
    nn::BatchNorm2d single_precision(4, {.momentum = 1.0});
    nn::BatchNorm2d exact(4, {.momentum = 1.0, .dtype = DType::float64});
    const auto worst = [](const Tensor& a, const Tensor& b) {
      return max(abs(cast(a, DType::float64) - b)).item();
    };
    CHECK(worst(single_precision(x32), exact(x64)) < 2e-6);
    x32.set_requires_grad();
    x64.set_requires_grad();
    const Tensor g32 =
        grad({single_precision(x32)}, {x32}, {.grad_outputs = {cast(up, x32.dtype())}})[0];
    const Tensor g64 = grad({exact(x64)}, {x64}, {.grad_outputs = {up}})[0];
    CHECK(worst(g32, g64) < 1e-6 * max(abs(g64)).item());
    single_precision.eval();
    single_precision.running_mean.fill(100.0);
    exact.eval();
    exact.running_mean.fill(100.0);
    CHECK(worst(single_precision(x32), exact(x64)) < 2e-6);
  }
}

TEST_CASE("normalisations say what does not fit") {
  CHECK(mentions(error_of([] {
                   nn::LayerNorm({4, 5})(zeros({2, 5, 4}));
                 }),
                 {"LayerNorm", "[2, 5, 4]", "[4, 5]"}));
  CHECK(mentions(error_of([] { nn::LayerNorm(Shape{}); }), {"LayerNorm", "[]"}));
  CHECK(mentions(error_of([] { nn::RMSNorm(0); }), {"RMSNorm", "[0]"}));
  CHECK(mentions(error_of([] { nn::BatchNorm2d(4, {.momentum = 1.5}); }),
                 {"BatchNorm2d", "momentum 1.5"}));
  CHECK(mentions(error_of([] { nn::LayerNorm(4, {.epsilon = -1.0}); }), {"epsilon -1"}));
  CHECK(mentions(error_of([] { nn::InstanceNorm2d(0); }), {"InstanceNorm2d", "0 channels"}));
  CHECK(mentions(error_of([] { nn::GroupNorm(3, 4); }), {"GroupNorm", "3 groups", "4 channels"}));
  CHECK(mentions(error_of([] {
                   nn::GroupNorm(2, 4)(zeros({2, 6, 3}));
                 }),
                 {"GroupNorm", "[2, 6, 3]", "[batch, 4, ...]"}));
  CHECK(mentions(error_of([] {
                   nn::InstanceNorm2d(4)(zeros({2, 4, 1, 1}));
                 }),
                 {"InstanceNorm2d", "[2, 4, 1, 1]", "one value a channel"}));
  CHECK(mentions(error_of([] {
                   nn::BatchNorm1d(4)(zeros({1, 4}));
                 }),
                 {"BatchNorm1d", "[1, 4]", "at least two"}));
  CHECK(mentions(error_of([] {
                   nn::BatchNorm1d(4)(zeros({2, 4, 3, 3}));
                 }),
                 {"BatchNorm1d", "[2, 4, 3, 3]", "[batch, 4]"}));
  CHECK(mentions(error_of([] {
                   nn::BatchNorm2d(4)(zeros({2, 4}));
                 }),
                 {"BatchNorm2d", "[2, 4]", "[batch, 4, height, width]"}));
}

TEST_CASE("convolutions and dense layers say what does not fit") {
  Rng rng(1);
  CHECK(mentions(error_of([&] { nn::Dense(0, 3, rng); }), {"Dense", "0 -> 3"}));
  CHECK(mentions(error_of([&] { nn::Conv2d(3, 4, {.kernel = 3, .groups = 2}, rng); }),
                 {"Conv2d", "2 groups", "3 -> 4"}));
  const auto wrong = [](const Shape&, Rng&, DType) { return zeros({7}); };
  CHECK(mentions(error_of([&] { nn::Dense(2, 3, rng, {.weight_initializer = wrong}); }),
                 {"weight_initializer", "[7]", "[3, 2]"}));
  CHECK(mentions(error_of([&] { nn::Embedding(2, 3, rng, {.weight_initializer = {}}); }),
                 {"weight_initializer", "empty"}));
  CHECK(mentions(error_of([&] { nn::Conv1d(3, 4, {.kernel = 0}, rng); }),
                 {"Conv1d", "kernel 0x0", "one length"}));
  CHECK(mentions(error_of([&] {
                   nn::Conv1d(3, 4, {.kernel = 2}, rng)(zeros({2, 3}));
                 }),
                 {"conv1d", "[2, 3]"}));
  CHECK(nn::Conv2d(3, 4, {.kernel = {3, 5}, .stride = 2, .padding = {1, 2}, .bias = false}, rng)
            .describe() == "Conv2d(3 -> 4, kernel 3x5, stride 2, padding 1x2, no bias)");
  CHECK(nn::Conv2d(3, 4, {.kernel = 5, .padding = "same"}, rng)(zeros({1, 3, 6, 7})).shape() ==
        Shape{1, 4, 6, 7});
  CHECK(nn::Conv1d(3, 4, {.kernel = 4, .padding = "same"}, rng)(zeros({1, 3, 6})).shape() ==
        Shape{1, 4, 6});
  CHECK(nn::ConvTranspose1d(4, 6, {.kernel = 3, .groups = 2}, rng).describe() ==
        "ConvTranspose1d(4 -> 6, kernel 3, groups 2)");
}

TEST_CASE("dropout: share, scale, evaluation, channels, state") {
  nn::Dropout half(0.25, Rng(7));
  const Tensor x = ones({200, 500}).set_requires_grad();
  const Tensor y = half(x);
  std::int64_t zeroed = 0;
  for (const float value : y.span<float>()) {
    if (value == 0.0f)
      ++zeroed;
    else
      CHECK_MESSAGE(value == 1.0f / 0.75f, value);
  }
  CHECK(std::abs(zeroed / 1e5 - 0.25) < 0.006);  // 4 standard deviations
  const Tensor gradient = grad({sum(y)}, {x})[0];
  CHECK(all(gradient == y).item() == 1.0);
  half.eval();
  CHECK(all(half(x) == x).item() == 1.0);

  nn::Dropout2d channels(0.5, Rng(8));
  const Tensor planes = channels(ones({40, 50, 3, 3}));
  std::int64_t dropped = 0;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const float* const plane = planes.data<float>() + 9 * i;
    for (int k = 0; k < 9; ++k) CHECK_MESSAGE(plane[k] == plane[0], i);
    dropped += plane[0] == 0.0f;
  }
  CHECK(std::abs(dropped / 2000.0 - 0.5) < 0.045);

  // Put back, the state gives the same mask again.
  half.train();
  REQUIRE(half.variables()[0].name == "rng_state");
  const Tensor state = half.buffers().at("rng_state").clone();
  const Tensor first = half(x);
  CHECK(any(half(x) != first).item() == 1.0);
  half.buffers().at("rng_state").assign(state);
  CHECK(all(half(x) == first).item() == 1.0);
  CHECK(sum(nn::Dropout(1.0, Rng(1))(x)).item() == 0.0);
  CHECK(mentions(error_of([] { nn::Dropout(1.5, Rng(1)); }), {"Dropout", "1.5"}));
  CHECK(mentions(error_of([] {
                   nn::Dropout2d(0.5, Rng(1))(ones({2, 3}));
                 }),
                 {"Dropout2d", "[2, 3]"}));
}

TEST_CASE("an embedding refuses what is no index") {
  Rng rng(1);
  nn::Embedding embedding(4, 3, rng);
  CHECK(mentions(error_of([&] {
                   embedding(tensor<std::int64_t>({0, 4}));
                 }),
                 {"Embedding", "4", "[0, 4)"}));
  CHECK(mentions(error_of([&] { embedding(tensor<std::int64_t>({-1})); }), {"-1"}));
  CHECK(mentions(error_of([&] { embedding(tensor({1.0f})); }), {"float32"}));
  CHECK(embedding(tensor<std::int32_t>({3, 3})).shape() == Shape{2, 3});
}
