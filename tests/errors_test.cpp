// What the user called is what the message begins with, whichever operation within found the fault.
// golden_operations_test.cpp does the same for every operation's input tensors.
#include "errors.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mnemo/mnemo.hpp"

using namespace mnemo;

namespace {

using Axis = std::int64_t;
using Calls = std::vector<std::pair<std::string, std::function<void()>>>;

void expect_named(const Calls& calls) {
  for (const auto& each : calls) {  // clang 14 captures no structured bindings
    const std::string& name = each.first;
    const std::string message = error_of(each.second);
    const bool named = message.starts_with(name + ": ") || message.starts_with(name + "(") ||
                       message.starts_with(name + "[");
    CHECK_MESSAGE(named, name, " says: ", message);
  }
}

const Tensor matrix = ones({2, 3});
const Tensor image = ones({1, 4, 5, 5});
const Tensor line = ones({1, 4, 7});
const Tensor kernel = ones({6, 4, 3, 3});
const Tensor line_kernel = ones({6, 4, 3});
const Tensor whole = zeros({2}, DType::int64);
const Tensor undefined;
constexpr Axis far = std::numeric_limits<Axis>::max();

}  // namespace

TEST_CASE("axes that are not there, and those named twice") {
  Calls calls;
  for (const Axis axis : {Axis{2}, Axis{-3}, far, -far}) {
    const auto add = [&](const char* name, void (*function)(Axis)) {
      calls.emplace_back(name, [function, axis] { function(axis); });
    };
    add("sum", [](Axis at) { sum(matrix, {.axes = {at}}); });
    add("mean", [](Axis at) { mean(matrix, {.axes = {at}}); });
    add("var", [](Axis at) { var(matrix, {.axes = {at}}); });
    add("prod", [](Axis at) { prod(matrix, {.axes = {at}}); });
    add("max", [](Axis at) { max(matrix, {.axes = {at}}); });
    add("min", [](Axis at) { min(matrix, {.axes = {at}}); });
    add("all", [](Axis at) { all(matrix, {.axes = {at}}); });
    add("any", [](Axis at) { any(matrix, {.axes = {at}}); });
    add("norm", [](Axis at) { norm(matrix, 2.0, {.axes = {at}}); });
    add("logsumexp", [](Axis at) { logsumexp(matrix, {.axes = {at}}); });
    add("argmax", [](Axis at) { argmax(matrix, at); });
    add("argmin", [](Axis at) { argmin(matrix, at); });
    add("cumsum", [](Axis at) { cumsum(matrix, at); });
    add("softmax", [](Axis at) { softmax(matrix, at); });
    add("log_softmax", [](Axis at) { log_softmax(matrix, at); });
    add("permute", [](Axis at) { permute(matrix, {0, at}); });
    add("transpose", [](Axis at) { transpose(matrix, 0, at); });
    add("flatten", [](Axis at) { flatten(matrix, 0, at); });
    add("squeeze", [](Axis at) { squeeze(matrix, {at}); });
    add("slice", [](Axis at) { slice(matrix, at, 0); });
    add("concat", [](Axis at) { concat({matrix, matrix}, at); });
    add("split", [](Axis at) { split(matrix, 1, at); });
    add("chunk", [](Axis at) { chunk(matrix, 2, at); });
    add("flip", [](Axis at) { flip(matrix, {at}); });
    add("roll", [](Axis at) { roll(matrix, {1}, {at}); });
    add("repeat", [](Axis at) { repeat(matrix, 2, at); });
    add("index_select", [](Axis at) { index_select(matrix, at, whole); });
    add("take", [](Axis at) { take(matrix, whole, at); });
    add("gather", [](Axis at) { gather(matrix, at, zeros({2, 3}, DType::int64)); });
    add("take_along_axis", [](Axis at) {
      take_along_axis(matrix, zeros({2, 3}, DType::int64), at);
    });
    add("scatter_add", [](Axis at) {
      scatter_add(matrix, at, zeros({2, 3}, DType::int64), matrix);
    });
    add("index_add", [](Axis at) { index_add(matrix, at, whole, matrix); });
    add("size", [](Axis at) { matrix.size(at); });
  }
  for (const Axis axis : {Axis{3}, Axis{-4}, far}) {
    calls.emplace_back("unsqueeze", [axis] { unsqueeze(matrix, axis); });
    calls.emplace_back("stack", [axis] { stack({matrix, matrix}, axis); });
  }
  const auto twice = [&](const char* name, std::function<void()> call) {
    calls.emplace_back(name, std::move(call));
  };
  twice("sum", [] { sum(matrix, {.axes = {0, -2}}); });
  twice("permute", [] { permute(matrix, {1, 1}); });
  twice("flip", [] { flip(matrix, {1, -1}); });
  twice("slice", [] { slice(matrix, {{.axis = 0}, {.axis = -2}}); });
  expect_named(calls);
}

TEST_CASE("sizes, counts and options that make no sense") {
  const FoldOptions window{.kernel = 2};
  expect_named({
      {"zeros",
       [] {
         zeros({2, -1});
       }},
      {"full",
       [] {
         full({far, far}, 1.0);
       }},
      {"eye", [] { eye(-2); }},
      {"linspace", [] { linspace(0.0, 1.0, -1); }},
      {"arange", [] { arange(0, 4, 0); }},
      {"reshape",
       [] {
         matrix.reshape({4, -1});
       }},
      {"reshape",
       [] {
         matrix.reshape({-1, -1});
       }},
      {"reshape",
       [] {
         matrix.reshape({-2, -3});
       }},
      {"broadcast_to",
       [] {
         broadcast_to(matrix, {2, 4});
       }},
      {"broadcast_to",
       [] {
         broadcast_to(matrix, {-1, 3});
       }},
      {"expand",
       [] {
         expand(matrix, {-1, 2, 4});
       }},
      {"expand",
       [] {
         expand(matrix, {-2, 3});
       }},
      {"slice", [] { slice(matrix, 0, 0, to_end, 0); }},
      {"concat", [] { concat({}); }},
      {"concat",
       [] {
         concat({matrix, ones({3, 2})});
       }},
      {"stack",
       [] {
         stack({matrix, ones({3, 2})});
       }},
      {"split", [] { split(matrix, 0); }},
      {"split",
       [] {
         split(matrix, {1, 3}, 1);
       }},
      {"chunk", [] { chunk(matrix, 0); }},
      {"roll",
       [] {
         roll(matrix, {1, 2}, {0});
       }},
      {"tile",
       [] {
         tile(matrix, {2, -1});
       }},
      {"tile", [] { tile(matrix, {far}); }},
      {"repeat", [] { repeat(matrix, -1, 0); }},
      {"repeat", [] { repeat(matrix, far, 0); }},
      {"pad",
       [] {
         pad(matrix, {{1, 1}});
       }},
      {"pad",
       [] {
         pad(matrix, {{0, 0}, {3, 0}}, PadMode::reflect);
       }},
      {"pixel_shuffle", [] { pixel_shuffle(image, 3); }},
      {"pixel_shuffle", [] { pixel_shuffle(image, 0); }},
      {"pixel_unshuffle", [] { pixel_unshuffle(image, 2); }},
      {"one_hot", [] { one_hot(whole, 0); }},
      {"one_hot", [] { one_hot(whole, far); }},
      {"one_hot", [] { one_hot(whole, 2, DType::float16); }},
      {"eye", [] { eye(2, 2, DType::float16); }},
      {"norm", [] { norm(matrix, 0.0); }},
      {"hardtanh", [] { hardtanh(matrix, 1.0, 1.0); }},
      {"tril", [] { tril(ones({3})); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.stride = 0}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.padding = -1}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.dilation = 0}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.groups = 0}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.groups = 3}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.dilation = 4}); }},
      {"conv2d", [] { conv2d(image, kernel, {}, {.stride = 2, .padding = "same"}); }},
      {"conv2d",
       [] {
         conv2d(image, ones({6, 4, 0, 3}));
       }},
      {"conv2d", [] { conv2d(image, kernel, ones({5})); }},
      {"conv1d",
       [] {
         conv1d(line, line_kernel, {}, {.stride = {1, 2}});
       }},
      {"conv1d",
       [] {
         conv1d(line, ones({6, 3, 3}));
       }},
      {"conv1d", [] { conv1d(line, line_kernel, {}, {.stride = -1}); }},
      {"conv_transpose2d", [] { conv_transpose2d(image, kernel); }},
      {"conv_transpose2d",
       [] {
         conv_transpose2d(image, ones({4, 2, 3, 3}), {}, {.output_padding = 1});
       }},
      {"conv_transpose2d",
       [] {
         conv_transpose2d(image, ones({4, 2, 3, 3}), {}, {.padding = 9});
       }},
      {"conv_transpose1d", [] { conv_transpose1d(line, line_kernel); }},
      {"max_pool2d", [] { max_pool2d(image, {.kernel = 0}); }},
      {"max_pool2d", [] { max_pool2d(image, {.kernel = 6}); }},
      {"max_pool2d", [] { max_pool2d(image, {.kernel = 2, .stride = -1}); }},
      {"max_pool2d", [] { max_pool2d(image, {.kernel = 2, .padding = 2}); }},
      {"max_pool1d",
       [] {
         max_pool1d(line, {.kernel = {1, 2}});
       }},
      {"avg_pool2d", [] { avg_pool2d(image, {.kernel = 2, .dilation = 2}); }},
      {"avg_pool1d", [] { avg_pool1d(line, {.kernel = -1}); }},
      {"adaptive_avg_pool2d", [] { adaptive_avg_pool2d(image, 0); }},
      {"global_max_pool2d",
       [] {
         global_max_pool2d(ones({1, 4, 0, 5}));
       }},
      {"resize", [] { resize(image, 0); }},
      {"upsample", [] { upsample(image, -1); }},
      {"unfold", [] { unfold(image, {.kernel = 0}); }},
      {"fold",
       [window] {
         fold(ones({1, 4, 9}), 5, window);
       }},
      {"dropout",
       [] {
         Rng rng(1);
         dropout(matrix, 1.5, rng);
       }},
      {"einsum", [] { einsum("ii,ij->j", matrix, matrix); }},
      {"einsum", [] { einsum("ij,jk->ik", matrix, matrix); }},
  });
}

TEST_CASE("positions and labels out of range") {
  const Tensor beyond = tensor<std::int64_t>({0, 3});
  const Tensor before = tensor<std::int64_t>({0, -3});
  expect_named({
      {"index_select", [&] { index_select(matrix, 0, before); }},
      {"take", [&] { take(matrix, beyond); }},
      {"gather", [&] { gather(ones({2}), 0, beyond); }},
      {"take_along_axis", [&] { take_along_axis(ones({2}), beyond, 0); }},
      {"scatter_add", [&] { scatter_add(ones({2}), 0, beyond, ones({2})); }},
      {"index_add", [&] { index_add(matrix, 0, beyond, matrix); }},
      {"one_hot", [&] { one_hot(before, 3); }},
      {"softmax_cross_entropy", [&] { softmax_cross_entropy(matrix, beyond); }},
      {"nll", [&] { nn::nll(matrix, beyond); }},
      {"cross_entropy", [&] { nn::cross_entropy(matrix, beyond); }},
      {"at",
       [&] {
         matrix.at({0, 3});
       }},
  });
}

TEST_CASE("losses name themselves") {
  Rng rng(1);
  Calls calls;
  const auto add = [&](const char* name, auto loss) {
    const std::vector<std::pair<Tensor, Tensor>> unfit{
        {matrix, undefined},
        {undefined, matrix},
        {matrix, ones({3, 2})},
        {matrix, ones({3})},
        {matrix, ones({2, 3}, DType::float64)},
        {matrix, ones({2, 3}, DType::boolean)},
        {ones({2, 3}, DType::int64), ones({2, 3}, DType::int64)},
        {ones({0, 3}), ones({0, 3})},
    };
    for (const auto& pair : unfit) {
      calls.emplace_back(name, [loss, pair] { loss(pair.first, pair.second); });
    }
  };
  using T = const Tensor&;
  add("mse", [](T a, T b) { nn::mse(a, b); });
  add("l1", [](T a, T b) { nn::l1(a, b); });
  add("huber", [](T a, T b) { nn::huber(a, b); });
  add("bce", [](T a, T b) { nn::bce(a, b); });
  add("bce_with_logits", [](T a, T b) { nn::bce_with_logits(a, b); });
  add("cross_entropy", [](T a, T b) { nn::cross_entropy(a, b); });
  add("nll", [](T a, T b) { nn::nll(a, b); });
  add("kl_div", [](T a, T b) { nn::kl_div(a, b); });
  add("gradient_penalty", [&rng](T a, T b) {
    nn::gradient_penalty([](T x) { return sum(x, {.axes = {1}}); }, a, b, rng);
  });
  for (const Tensor& fake : {undefined, whole, ones({0, 1})}) {
    calls.emplace_back("non_saturating_discriminator_loss",
                       [=] { nn::non_saturating_discriminator_loss(matrix, fake); });
    calls.emplace_back("least_squares_generator_loss",
                       [=] { nn::least_squares_generator_loss(fake); });
    calls.emplace_back("hinge_discriminator_loss",
                       [=] { nn::hinge_discriminator_loss(matrix, fake); });
    calls.emplace_back("wasserstein_critic_loss",
                       [=] { nn::wasserstein_critic_loss(fake, matrix); });
    calls.emplace_back("r1_penalty",
                       [=] { nn::r1_penalty([](T x) { return sum(x, {.axes = {1}}); }, fake); });
  }
  expect_named(calls);
  expect_named({
      {"huber", [] { nn::huber(matrix, matrix, {.delta = 0.0}); }},
      {"bce", [] { nn::bce(matrix * 2.0, matrix); }},
      {"bce_with_logits", [] { nn::bce_with_logits(matrix, matrix, {.label_smoothing = 2.0}); }},
      {"bce_with_logits", [] { nn::bce_with_logits(matrix, matrix, {.pos_weight = ones({2})}); }},
      {"bce_with_logits",
       [] { nn::bce_with_logits(matrix, matrix, {.pos_weight = ones({3}, DType::float64)}); }},
      {"cross_entropy", [] { nn::cross_entropy(matrix, whole, {.weight = ones({2})}); }},
      {"nll", [] { nn::nll(matrix, whole, {.ignore_index = 0}); }},
  });
}

TEST_CASE("layers name themselves, and where in the model they are") {
  Rng rng(1);
  Calls calls;
  const auto add = [&](const char* name, auto layer, std::vector<Tensor> unfit) {
    unfit.push_back(undefined);
    unfit.push_back(ones(unfit[0].shape(), DType::boolean));
    const auto shared = std::make_shared<decltype(layer)>(std::move(layer));
    for (const Tensor& x : unfit) calls.emplace_back(name, [shared, x] { (*shared)(x); });
  };
  const Tensor wide = ones({2, 3}, DType::float64);
  add("Dense", nn::Dense(3, 4, rng), {ones({2, 4}), scalar(1.0), wide});
  add("Conv2d", nn::Conv2d(4, 2, {.kernel = 3}, rng), {line, ones({1, 3, 5, 5})});
  add("Conv1d", nn::Conv1d(4, 2, {.kernel = 3}, rng), {image, ones({1, 3, 5}), ones({1, 4, 2})});
  add("ConvTranspose2d", nn::ConvTranspose2d(4, 2, {.kernel = 3}, rng), {line, ones({1, 3, 5, 5})});
  add("ConvTranspose1d", nn::ConvTranspose1d(4, 2, {.kernel = 3}, rng), {image, ones({1, 3, 5})});
  add("BatchNorm1d", nn::BatchNorm1d(3), {ones({1, 3}), ones({2, 4}), image, wide});
  add("BatchNorm2d", nn::BatchNorm2d(4), {line, ones({1, 3, 5, 5}), ones({1, 4, 1, 1})});
  add("LayerNorm", nn::LayerNorm(3), {ones({2, 4}), wide});
  add("GroupNorm", nn::GroupNorm(2, 4), {ones({1, 3, 5, 5}), ones({4})});
  add("InstanceNorm2d", nn::InstanceNorm2d(4), {line, ones({1, 3, 5, 5})});
  add("RMSNorm", nn::RMSNorm(3), {ones({2, 4}), wide});
  add("Embedding", nn::Embedding(3, 2, rng), {ones({2}), tensor<std::int64_t>({3})});
  add("Dropout", nn::Dropout(0.5, rng), {zeros({2}, DType::int64)});
  add("Dropout2d", nn::Dropout2d(0.5, rng), {ones({2, 3})});
  add("MaxPool2d", nn::MaxPool2d({.kernel = 6}), {image, line});
  add("AvgPool2d", nn::AvgPool2d({.kernel = 6}), {image, line});
  add("MaxPool1d", nn::MaxPool1d({.kernel = 8}), {line, image});
  add("AvgPool1d", nn::AvgPool1d({.kernel = 8}), {line, image});
  add("AdaptiveAvgPool2d", nn::AdaptiveAvgPool2d(2), {line});
  add("Upsample", nn::Upsample(2), {line});
  add("PixelShuffle", nn::PixelShuffle(3), {image, line});
  add("Flatten", nn::Flatten(), {scalar(1.0)});
  add("Reshape", nn::Reshape({4, 4}), {scalar(1.0), ones({2, 3})});
  add("MultiHeadAttention", nn::MultiHeadAttention(4, 2, rng),
      {ones({2, 3}), ones({2, 3, 5}), ones({2, 3, 4}, DType::float64)});
  add("GELU", nn::GELU(), {zeros({2}, DType::int64)});
  add("Softmax", nn::Softmax(), {zeros({2}, DType::int64)});
  nn::MultiHeadAttention attention(4, 2, rng);
  const Tensor x = ones({2, 3, 4});
  const std::vector<Tensor> triples[]{{undefined, x, x}, {x, undefined, x},
                                      {x, x, undefined}, {line, undefined, x},
                                      {x, x, line},      {x, x, ones({2, 3, 4}, DType::float64)}};
  for (const std::vector<Tensor>& qkv : triples) {
    calls.emplace_back("MultiHeadAttention",
                       [&attention, qkv] { attention.forward(qkv[0], qkv[1], qkv[2]); });
  }
  expect_named(calls);
  const nn::Sequential part({{"first", nn::Dense(2, 3, rng)}, {"second", nn::Dense(4, 1, rng)}});
  nn::Sequential model({{"part", part}, {"relu", nn::ReLU()}});
  CHECK(error_of([&] { model(ones({5, 2})); }).starts_with("part/second: Dense(4 -> 1): linear: "));
}
