// Losses and penalties against PyTorch (tests/golden/record_layers.py), and what they refuse.
#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "errors.hpp"
#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/check_gradients.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/gan_losses.hpp"
#include "mnemo/nn/losses.hpp"
#include "mnemo/nn/norm.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/nn/shape_layers.hpp"

using namespace mnemo;
using nn::Reduce;

namespace {

constexpr DType f32 = DType::float32, f64 = DType::float64;

const Variables& recorded() {
  static const Variables file = golden::read("torch_losses");
  return file;
}

using Loss = std::function<Tensor(const Tensor& prediction, const Tensor& target, Reduce reduce)>;
/// Makes a loss for a dtype: constants such as class weights have to have it.
using LossOf = std::function<Loss(DType)>;

void expect_recorded(const std::string& name, const LossOf& loss_of, double for_float32 = 2e-6) {
  CAPTURE(name);
  for (const DType dtype : {f64, f32}) {
    CAPTURE(dtype);
    const double tolerance = golden::tolerance(dtype, 1e-12, for_float32);
    const Loss loss = loss_of(dtype);
    Tensor target = recorded().at(name + "/target");
    if (target.dtype() != DType::int64) target = cast(target, dtype);
    const Tensor prediction =
        golden::get(recorded(), name + "/prediction", dtype).set_requires_grad();
    const std::pair<const char*, Reduce> reductions[] = {
        {"mean", Reduce::mean}, {"sum", Reduce::sum}, {"none", Reduce::none}};
    for (const auto& reduction : reductions) {
      const char* const label = reduction.first;
      const Reduce reduce = reduction.second;
      CAPTURE(label);
      const Tensor value = loss(prediction, target, reduce);
      golden::expect_close("loss", value, golden::get(recorded(), name + "/" + label, dtype),
                           tolerance);
      golden::expect_close("gradient", grad({sum(value)}, {prediction})[0],
                           golden::get(recorded(), name + "/" + label + "_gradient", dtype),
                           tolerance);
    }
  }
}

Tensor constant(const std::string& name, DType dtype) {
  return golden::get(recorded(), name, dtype);
}

}  // namespace

TEST_CASE("regression losses agree with PyTorch") {
  expect_recorded("mse", [](DType) { return nn::mse; });
  expect_recorded("l1", [](DType) { return nn::l1; });
  expect_recorded("huber", [](DType) {
    return [](const Tensor& p, const Tensor& t, Reduce r) {
      return nn::huber(p, t, {.delta = 0.7, .reduce = r});
    };
  });
}

TEST_CASE("binary cross-entropies agree with PyTorch, at 0 and 1 and for extreme logits too") {
  expect_recorded("bce", [](DType) { return nn::bce; });
  const auto with = [](nn::BceOptions options, const char* weight) {
    return [=](DType dtype) -> Loss {
      nn::BceOptions chosen = options;
      if (weight) chosen.pos_weight = constant(weight, dtype);
      return [=](const Tensor& p, const Tensor& t, Reduce r) mutable {
        chosen.reduce = r;
        return nn::bce_with_logits(p, t, chosen);
      };
    };
  };
  expect_recorded("bce_with_logits", with({}, nullptr));
  expect_recorded("bce_with_logits_weighted", with({}, "bce_with_logits_weighted/pos_weight"));
  expect_recorded("bce_with_logits_smoothed", with({.label_smoothing = 0.2}, nullptr));
  expect_recorded("bce_with_logits_both",
                  with({.label_smoothing = 0.2}, "bce_with_logits_both/pos_weight"));
}

TEST_CASE("binary cross-entropy with logits keeps its digits where the answer is nearly right") {
  const Tensor x = tensor({20.0f, -20.0f, 1000.0f, -1000.0f}).set_requires_grad();
  const Tensor right = tensor({1.0f, 0.0f, 1.0f, 0.0f});
  const Tensor loss = nn::bce_with_logits(x, right, {.reduce = Reduce::none});
  CHECK(loss.at({0}) == doctest::Approx(2.0611537e-9).epsilon(1e-5));
  CHECK(loss.at({1}) == doctest::Approx(2.0611537e-9).epsilon(1e-5));
  CHECK(loss.at({2}) == 0.0);
  CHECK(loss.at({3}) == 0.0);
  CHECK(nn::bce_with_logits(x, 1.0, {.reduce = Reduce::none}).at({0}) == loss.at({0}));
  CHECK(nn::bce_with_logits(x, 0.0, {.reduce = Reduce::none}).at({1}) == loss.at({1}));
  const Tensor zero = zeros({1}).set_requires_grad();
  CHECK(grad({nn::bce_with_logits(zero, 1.0)}, {zero})[0].item() == -0.5);
  CHECK(grad({nn::bce_with_logits(zero, 0.9)}, {zero})[0].item() == doctest::Approx(-0.4));
  const Tensor smooth =
      nn::bce_with_logits(x, 1.0, {.label_smoothing = 0.2, .reduce = Reduce::none});
  CHECK(smooth.at({0}) == doctest::Approx(2.0));  // 0.1 * 20
}

TEST_CASE("cross-entropies agree with PyTorch") {
  const auto with = [](nn::CrossEntropyOptions options, const char* weight = nullptr) {
    return [=](DType dtype) -> Loss {
      nn::CrossEntropyOptions chosen = options;
      if (weight) chosen.weight = constant(weight + std::string("/weight"), dtype);
      return [=](const Tensor& p, const Tensor& t, Reduce r) mutable {
        chosen.reduce = r;
        return nn::cross_entropy(p, t, chosen);
      };
    };
  };
  const nn::CrossEntropyOptions third{.ignore_index = 2, .label_smoothing = 0.1};
  expect_recorded("cross_entropy", with({}));
  expect_recorded("cross_entropy_extreme", with({}));
  expect_recorded("cross_entropy_weighted", with({}, "cross_entropy_weighted"));
  expect_recorded("cross_entropy_ignored", with({}, "cross_entropy_ignored"));
  expect_recorded("cross_entropy_smoothed", with(third, "cross_entropy_smoothed"));
  expect_recorded("cross_entropy_unweighted_smoothed", with(third));
  expect_recorded("cross_entropy_chances", with({}, "cross_entropy_chances"));
  expect_recorded("cross_entropy_chances_smoothed",
                  with({.label_smoothing = 0.1}, "cross_entropy_chances_smoothed"));
  expect_recorded("cross_entropy_maps", with({.label_smoothing = 0.1}, "cross_entropy_maps"));
  expect_recorded("cross_entropy_map_chances", with({.label_smoothing = 0.1}));
}

TEST_CASE("negative log-likelihood and divergence agree with PyTorch") {
  expect_recorded("nll", [](DType) {
    return [](const Tensor& p, const Tensor& t, Reduce r) { return nn::nll(p, t, {.reduce = r}); };
  });
  expect_recorded("nll_weighted", [](DType dtype) {
    return [=](const Tensor& p, const Tensor& t, Reduce r) {
      return nn::nll(p, t, {.weight = constant("nll_weighted/weight", dtype), .reduce = r});
    };
  });
  for (const bool log_target : {false, true}) {
    expect_recorded(log_target ? "kl_div_log" : "kl_div", [=](DType) {
      return [=](const Tensor& p, const Tensor& t, Reduce r) {
        return nn::kl_div(p, t, {.log_target = log_target, .reduce = r});
      };
    });
  }
}

TEST_CASE("a class of probability 0 costs nothing where it is not the label") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor logits =
      from_values<float>({0.0f, -inf, 0.0f, 1.0f, 0.0f, -1.0f}, {2, 3}).set_requires_grad();
  const Tensor labels = tensor<std::int64_t>({2, 0});
  const Tensor weight = tensor({1.0f, 2.0f, 3.0f});
  for (const Tensor& w : {Tensor(), weight}) {
    const Tensor loss = nn::cross_entropy(logits, labels, {.weight = w, .reduce = Reduce::none});
    CHECK(loss.at({0}) == doctest::Approx(std::log(2.0) * (w.defined() ? 3.0 : 1.0)));
    const Tensor gradient = grad({sum(loss)}, {logits})[0];
    for (const float value : gradient.span<float>()) CHECK(std::isfinite(value));
  }
}

TEST_CASE("second derivatives of the losses agree with central differences") {
  Rng rng(1);
  const auto check = [&](const char* name,
                         const std::function<Tensor(const Tensor&, const Tensor&)>& loss) {
    CAPTURE(name);
    const GradientCheck result =
        check_gradients([&](const std::vector<Tensor>& at) { return loss(at[0], at[1]); },
                        {rng.uniform({3, 4}, 0.1, 0.9, f64), rng.uniform({3, 4}, 0.1, 0.9, f64)});
    INFO(result.text());
    CHECK(result.passed);
  };
  check("mse", [](const Tensor& p, const Tensor& t) { return nn::mse(p, t); });
  check("huber", [](const Tensor& p, const Tensor& t) { return nn::huber(p, t, {.delta = 0.3}); });
  check("bce", [](const Tensor& p, const Tensor& t) { return nn::bce(p, t); });
  check("bce_with_logits",
        [](const Tensor& p, const Tensor& t) { return nn::bce_with_logits(p, t); });
  check("cross_entropy", [](const Tensor& p, const Tensor& t) {
    return nn::cross_entropy(p, t, {.label_smoothing = 0.1});
  });
  check("kl_div", [](const Tensor& p, const Tensor& t) { return nn::kl_div(p, t); });
}

TEST_CASE("losses say what does not fit") {
  const Tensor a = zeros({4, 1}), b = zeros({4});
  CHECK(mentions(error_of([&] { nn::mse(a, b); }), {"mse", "[4, 1]", "[4]"}));
  CHECK(mentions(error_of([&] { nn::l1(a, b); }), {"l1", "[4, 1]"}));
  CHECK(mentions(error_of([&] { nn::mse(a, zeros({4, 1}, f64)); }), {"mse", "float32", "float64"}));
  CHECK(mentions(error_of([&] { nn::mse(zeros({1}, DType::int32), zeros({1}, DType::int32)); }),
                 {"mse", "[1] of int32"}));
  CHECK(mentions(error_of([&] { nn::huber(a, a, {.delta = 0.0}); }), {"huber", "delta"}));
  CHECK(mentions(error_of([&] { nn::bce(b + 1.5, b); }), {"bce", "1.5"}));
  CHECK(
      mentions(error_of([&] { nn::bce_with_logits(a, b); }), {"bce_with_logits", "[4, 1]", "[4]"}));
  CHECK(mentions(error_of([&] { nn::bce_with_logits(a, 1.1); }), {"1.1"}));
  CHECK(mentions(error_of([&] { nn::bce_with_logits(a, a, {.pos_weight = ones({3})}); }),
                 {"pos_weight [3]", "[4, 1]"}));
  CHECK(mentions(error_of([&] { nn::bce_with_logits(a, a, {.label_smoothing = 2}); }),
                 {"label_smoothing"}));
  const Tensor logits = zeros({2, 3});
  const auto labels = [](std::int64_t x, std::int64_t y) { return tensor<std::int64_t>({x, y}); };
  CHECK(
      mentions(error_of([&] { nn::cross_entropy(logits, labels(0, 3)); }), {"label 3", "[0, 3)"}));
  CHECK(mentions(error_of([&] { nn::cross_entropy(logits, labels(-1, 0)); }), {"label -1"}));
  CHECK(mentions(error_of([&] { nn::nll(logits, labels(0, 3)); }), {"label 3", "position 1"}));
  CHECK(mentions(error_of([&] { nn::cross_entropy(logits, tensor<std::int64_t>({1})); }),
                 {"cross_entropy", "[1]", "[2]"}));
  CHECK(mentions(error_of([&] {
                   nn::cross_entropy(logits, zeros({3, 2}));
                 }),
                 {"[2, 3]", "[3, 2]"}));
  CHECK(mentions(error_of([&] { nn::cross_entropy(logits, labels(0, 1), {.weight = ones({2})}); }),
                 {"weight", "[2]", "[3]"}));
  CHECK(mentions(error_of([&] { nn::nll(logits, labels(-100, -100)); }), {"no row counts"}));
  CHECK(nn::nll(logits, labels(-100, -100), {.reduce = Reduce::sum}).item() == 0.0);
  CHECK(mentions(error_of([] {
                   nn::mse(zeros({0, 3}), zeros({0, 3}));
                 }),
                 {"mse", "no losses, [0, 3]"}));
  CHECK(nn::mse(zeros({0}), zeros({0}), Reduce::sum).item() == 0.0);
}

TEST_CASE("GAN losses have the values of their papers") {
  const Tensor real = tensor({2.0, -0.5}), fake = tensor({-3.0, 0.25});
  const auto softplus_of = [](double x) { return std::log1p(std::exp(x)); };
  const auto is = [](const Tensor& loss, double expected) {
    CHECK(loss.item() == doctest::Approx(expected).epsilon(1e-14));
  };
  is(nn::non_saturating_discriminator_loss(real, fake),
     (softplus_of(-2.0) + softplus_of(0.5) + softplus_of(-3.0) + softplus_of(0.25)) / 2);
  is(nn::non_saturating_generator_loss(fake), (softplus_of(3.0) + softplus_of(-0.25)) / 2);
  is(nn::least_squares_discriminator_loss(real, fake), (1.0 + 2.25 + 9.0 + 0.0625) / 4);
  is(nn::least_squares_generator_loss(fake), (16.0 + 0.5625) / 4);
  is(nn::hinge_discriminator_loss(real, fake), (0.0 + 1.5 + 0.0 + 1.25) / 2);
  is(nn::hinge_generator_loss(fake), 2.75 / 2);
  is(nn::wasserstein_critic_loss(real, fake), (-2.75 - 1.5) / 2);
  is(nn::wasserstein_generator_loss(fake), 2.75 / 2);
}

void expect_penalties(const std::string& prefix, DType dtype, nn::Sequential critic) {
  Rng rng(1);
  for (const auto& [name, tensor] : critic.parameters()) {
    const NoGrad no_grad;
    tensor.assign(constant(prefix + "/state/" + name, dtype));
  }
  const Tensor real = constant(prefix + "/real", dtype);
  const auto expect = [&](const std::string& name, const Tensor& penalty) {
    const std::string path = prefix + "/" + name;
    const double tolerance = golden::tolerance(dtype, 1e-12, 1e-5);
    golden::expect_close(path, penalty, constant(path, dtype), tolerance);
    const Variables gradients = grad(penalty, critic.parameters(), {.allow_unused = true});
    std::size_t compared = 0;
    for (const auto& [of, gradient] : gradients) {
      const std::string key = path + "_gradient/" + of;
      if (!recorded().contains(key)) {
        CHECK_MESSAGE(golden::scale(gradient) == 0.0, key);
        continue;
      }
      const Tensor expected = constant(key, dtype);
      // A bias before a normalisation has a gradient of rounding errors.
      golden::expect_close(key, gradient, expected, tolerance,
                           std::max(0.1, golden::scale(expected)));
      ++compared;
    }
    CHECK(compared + 2 >= critic.parameters().size());  // not the bias of the score
    for (const Variable& parameter : critic.parameters()) {
      const std::string key = path + "_gradient/" + parameter.name;
      if (gradients.contains(parameter.name) || !recorded().contains(key)) continue;
      CHECK_MESSAGE(golden::scale(constant(key, dtype)) == 0.0, key);
    }
  };
  expect("gradient_penalty", nn::gradient_penalty(critic, real, real, rng));  // all are the samples
  expect("r1_penalty", nn::r1_penalty(critic, real));
}

TEST_CASE("penalties of convolutional critics: second derivatives agree with PyTorch") {
  for (const DType dtype : {f64, f32}) {
    Rng rng(1);
    const nn::Conv2dOptions halving{.kernel = 4, .stride = 2, .padding = 1, .dtype = dtype};
    nn::Conv2dOptions second = halving;
    second.kernel = 3;
    expect_penalties("penalty", dtype,
                     nn::Sequential({{"down1", nn::Conv2d(1, 4, halving, rng)},
                                     {"act1", nn::LeakyReLU(0.2)},
                                     {"down2", nn::Conv2d(4, 6, second, rng)},
                                     {"act2", nn::Tanh()},
                                     {"flatten", nn::Flatten()},
                                     {"score", nn::Dense(24, 1, rng, {.dtype = dtype})}}));
    second.groups = 2;
    expect_penalties("penalty_norms", dtype,
                     nn::Sequential({{"down1", nn::Conv2d(1, 4, halving, rng)},
                                     {"norm1", nn::InstanceNorm2d(4, {.dtype = dtype})},
                                     {"act1", nn::SiLU()},
                                     {"down2", nn::Conv2d(4, 6, second, rng)},
                                     {"norm2", nn::LayerNorm({6, 2, 2}, {.dtype = dtype})},
                                     {"act2", nn::LeakyReLU(0.2)},
                                     {"flatten", nn::Flatten()},
                                     {"score", nn::Dense(24, 1, rng, {.dtype = dtype})}}));
  }
}

TEST_CASE("the gradient penalty looks between the samples, and bears a gradient of 0") {
  Rng rng(2);
  const Tensor real = zeros({1000, 2}), fake = ones({1000, 2}) * 4.0;
  Tensor seen;
  const auto critic = [&](const Tensor& x) {
    seen = x.detach();
    return sum(x * x, {.axes = {1}}) * 0.5;
  };
  const Tensor penalty = nn::gradient_penalty(critic, real, fake, rng);
  CHECK(min(seen).item() < 0.05);
  CHECK(max(seen).item() > 3.95);
  CHECK(mean(seen).item() == doctest::Approx(2.0).epsilon(0.1));
  CHECK(seen.at({5, 0}) == seen.at({5, 1}));  // one place on the line for the whole sample
  // The gradient is x itself, of length sqrt(2) 4 u for u uniform in [0, 1].
  CHECK(penalty.item() == doctest::Approx(32.0 / 3 - 4 * std::sqrt(2.0) + 1).epsilon(0.1));

  const Tensor slope = zeros({}).set_requires_grad();
  const auto flat = [&](const Tensor& x) { return sum(x * slope, {.axes = {1}}); };
  const Tensor at_zero = nn::gradient_penalty(flat, real, fake, rng);
  CHECK(at_zero.item() == 1.0);
  CHECK(grad({at_zero}, {slope})[0].item() == 0.0);
  CHECK(nn::r1_penalty(flat, real).item() == 0.0);
  CHECK(mentions(error_of([&] {
                   nn::gradient_penalty(critic, real, zeros({3, 2}), rng);
                 }),
                 {"gradient_penalty", "[1000, 2]", "[3, 2]"}));
}
