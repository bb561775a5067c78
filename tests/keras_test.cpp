/// A training run of Keras's goes on in mnemo: weights and Adam's state, converted by io/convert.py and
/// loaded strictly, give Keras's outputs and Keras's next step.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "from_ctest.hpp"
#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/nn/activations.hpp"
#include "mnemo/nn/batch_norm.hpp"
#include "mnemo/nn/conv.hpp"
#include "mnemo/nn/dense.hpp"
#include "mnemo/nn/losses.hpp"
#include "mnemo/nn/sequential.hpp"
#include "mnemo/nn/shape_layers.hpp"
#include "mnemo/optim/adam.hpp"

using namespace mnemo;

namespace {

constexpr DType f64 = DType::float64;

/// The network of golden/record_keras.py, channels first.
nn::Sequential make_network() {
  Rng rng(1);
  const nn::ConvTranspose2dOptions up{
      .kernel = 4, .stride = 2, .padding = 1, .bias = false, .dtype = f64};
  return nn::Sequential(
      {{"project", nn::Dense(5, 54, rng, {.dtype = f64})},
       {"grid", nn::Reshape({6, 3, 3})},
       {"norm1", nn::BatchNorm2d(6, {.epsilon = 1e-3, .momentum = 0.01, .dtype = f64})},
       {"tanh1", nn::Tanh()},
       {"up1", nn::ConvTranspose2d(6, 3, up, rng)},
       {"down1", nn::Conv2d(3, 2, {.kernel = 4, .stride = 2, .padding = 1, .dtype = f64}, rng)},
       {"tanh2", nn::Tanh()},
       {"flatten", nn::Flatten()},
       {"score", nn::Dense(18, 1, rng, {.dtype = f64})}});
}

}  // namespace

TEST_CASE("mnemo goes on from Keras's weights and Adam: same outputs, same next step") {
  const std::string convert = "/python/keras_to_mnemo.py'";
  REQUIRE(std::system(("'" + from_ctest("MNEMO_PYTHON") + "' -B '" + from_ctest("MNEMO_TESTS_DIR") +
                       convert)
                          .c_str()) == 0);
  const Variables after = io::read("keras_after.npz");
  const double steps = after.at("adam/step").item();

  nn::Sequential net = make_network();
  // Keras adds epsilon before the bias correction.
  const double epsilon = 1e-3 / std::sqrt(1.0 - std::pow(0.999, steps));
  optim::Adam adam(net.parameters(), {.epsilon = epsilon});
  Variables state;
  state.add("net", net.variables());
  state.add("adam", adam.variables());
  io::load("keras_before.npz", state);  // strict: nothing lacks, nothing is left over
  CHECK(adam.steps() == steps - 1);
  CHECK(after.size() == state.size() + 4);

  net.eval();
  golden::expect_close("outputs", net(after.at("x")), after.at("outputs"), 1e-6);
  const Tensor variance_before = state.at("net/norm1/running_var").clone();
  net.train();
  const Tensor loss = nn::mse(net(after.at("x")), after.at("y"));
  golden::expect_close("loss", loss, after.at("loss"), 1e-6);
  adam.minimize(loss);
  for (const Variable& v : state) {
    Tensor expected = after.at(v.name);
    if (v.name == "net/norm1/running_var") {
      // Keras divides the batch's variance by n, mnemo and PyTorch by n - 1.
      constexpr double n = 16 * 3 * 3;
      const Tensor old_share = 0.99 * variance_before;
      expected = old_share + (expected - old_share) * (n / (n - 1));
    }
    golden::expect_close(v.name, v.tensor, expected, 1e-6);
  }
}
