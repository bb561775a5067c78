// Every differentiable operation against central differences in float64, first and second order.
// One row an operation; a test below compares the rows with the functions that the headers declare.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "errors.hpp"
#include "from_ctest.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/check_gradients.hpp"
#include "mnemo/core/conv.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/dropout.hpp"
#include "mnemo/core/fold.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "mnemo/core/softmax.hpp"
#include "mnemo/core/upsample.hpp"

using namespace mnemo;

namespace {

using Inputs = std::vector<Tensor>;

struct Row {
  std::string name;  // of the function, as declared
  std::function<Tensor(const Inputs&)> function;
  Inputs inputs;
};

Tensor normal(const Shape& shape, std::uint64_t seed = 1) {
  return Rng(seed).normal(shape, 0.0, 1.0, DType::float64);
}
Tensor positive(const Shape& shape, std::uint64_t seed = 2) {
  return Rng(seed).uniform(shape, 0.3, 2.0, DType::float64);
}
// Away from 0, where a kink would meet the differences.
Tensor off_zero(const Shape& shape, std::uint64_t seed = 3) {
  const Tensor x = normal(shape, seed);
  return x + sign(x) * 0.1;
}

std::vector<Row> arithmetic_rows() {
  const Tensor a = normal({2, 3});
  const Tensor b = positive({2, 3});
  const Tensor row = positive({3}, 7);
  const Tensor column = normal({2, 1}, 8);
  const auto add = [](const Inputs& x) { return x[0] + x[1]; };
  const auto subtract = [](const Inputs& x) { return x[0] - x[1]; };
  const auto multiply = [](const Inputs& x) { return x[0] * x[1]; };
  const auto divide = [](const Inputs& x) { return x[0] / x[1]; };
  const Tensor flags = a > 0.0;
  return {
      {"operator+", add, {a, b}},
      {"operator+", add, {column, row}},
      {"operator+", [](const Inputs& x) { return 2.0 + (x[0] + 3.0); }, {a}},
      {"operator-", subtract, {a, b}},
      {"operator-", subtract, {row, column}},
      {"operator-", [](const Inputs& x) { return 2.0 - (-x[0] - 3.0); }, {a}},
      {"operator*", multiply, {a, b}},
      {"operator*", multiply, {normal({4, 1, 3}), normal({2, 1}, 9)}},
      {"operator*", [](const Inputs& x) { return 2.0 * (x[0] * 3.0); }, {a}},
      {"operator*", [](const Inputs& x) { return x[0] * x[0]; }, {a}},
      {"operator/", divide, {a, b}},
      {"operator/", divide, {column, row}},
      {"operator/", [](const Inputs& x) { return 2.0 / (x[0] / 3.0); }, {b}},
      {"where", [flags](const Inputs& x) { return where(flags, x[0] * x[0], x[1]); }, {a, b}},
      {"where", [flags](const Inputs& x) { return where(flags, x[0] * x[0], 2.0); }, {row}},
  };
}

std::vector<Row> math_rows() {
  using Function = Tensor (*)(const Tensor&);
  const auto row = [](const char* name, Function function, const Tensor& x) {
    return Row{name, [function](const Inputs& in) { return function(in[0]); }, {x}};
  };
  const Tensor any = off_zero({3, 7});
  return {
      row("exp", exp, any),
      row("expm1", expm1, any),
      row("log", log, positive({5})),
      row("log1p", log1p, positive({5})),
      row("sqrt", sqrt, positive({5})),
      row("rsqrt", rsqrt, positive({5})),
      row("square", square, any),
      row("abs", abs, any),
      row("sign", sign, any),
      row("sin", sin, any),
      row("cos", cos, any),
      row("erf", erf, any),
      row("tanh", tanh, any),
      row("sigmoid", sigmoid, any),
      row("softplus", softplus, any),
      row("relu", relu, any),
      row("selu", selu, any),
      row("silu", silu, any),
      row("log_sigmoid", log_sigmoid, any),
      {"elu", [](const Inputs& x) { return elu(x[0], 0.7); }, {any}},
      {"gelu", [](const Inputs& x) { return gelu(x[0]); }, {any}},
      {"gelu", [](const Inputs& x) { return gelu(x[0], Gelu::tanh); }, {any}},
      {"hardtanh", [](const Inputs& x) { return hardtanh(x[0] * x[0], -1.0, 0.7); }, {any}},
      {"clip", [](const Inputs& x) { return clip(x[0] * x[0], 0.3, 0.7); }, {any}},
      {"pow", [](const Inputs& x) { return pow(x[0], x[1]); }, {positive({3, 1}), normal({4}, 6)}},
      {"pow", [](const Inputs& x) { return pow(x[0], 3.0) + pow(x[0], 2.0); }, {any}},
      {"pow", [](const Inputs& x) { return pow(x[0], -1.5); }, {positive({4})}},
      {"pow", [](const Inputs& x) { return pow(0.4, x[0]); }, {any}},
      {"minimum",
       [](const Inputs& x) { return minimum(x[0] * x[0], x[1]); },
       {any, off_zero({7}, 5)}},
      {"minimum", [](const Inputs& x) { return minimum(0.7, x[0] * x[0]); }, {any}},
      {"leaky_relu", [](const Inputs& x) { return leaky_relu(x[0], 0.2); }, {any}},
      {"maximum",
       [](const Inputs& x) { return maximum(x[0] * x[0], x[1]); },
       {any, off_zero({7}, 5)}},
      {"maximum", [](const Inputs& x) { return maximum(x[0] * x[0], 0.7); }, {any}},
  };
}

std::vector<Row> reduction_rows() {
  const Tensor x = normal({2, 3, 4, 5});
  const auto square_of = [](Tensor (*reduce)(const Tensor&, const Reduction&), Reduction how) {
    return [reduce, how](const Inputs& in) { return reduce(in[0] * in[0], how); };
  };
  return {
      {"sum", square_of(sum, {}), {x}},
      {"sum", square_of(sum, {.axes = {0, 2, 3}}), {x}},
      {"sum", square_of(sum, {.axes = {1, -1}, .keepdims = true}), {x}},
      {"mean", square_of(mean, {}), {x}},
      {"mean", square_of(mean, {.axes = {-2}}), {x}},
      {"var",
       [](const Inputs& in) {
         return var(in[0], {.axes = {1, 3}});
       },
       {x}},
      {"prod", square_of(prod, {.axes = {1}}), {x}},
      {"prod",
       [](const Inputs& in) { return prod(in[0]); },
       {concat({x.reshape({-1}), zeros({1}, DType::float64)})}},
      {"max", square_of(max, {.axes = {0, 2}}), {x}},
      {"min", square_of(min, {.axes = {-1}, .keepdims = true}), {x}},
      {"norm",
       [](const Inputs& in) {
         return norm(in[0], 2.0, {.axes = {1, 2}});
       },
       {x}},
      {"norm",
       [](const Inputs& in) { return norm(in[0], 1.0) + norm(in[0], 3.0) + norm(in[0], INFINITY); },
       {off_zero({7})}},
      {"logsumexp", square_of(logsumexp, {.axes = {0, 3}}), {x}},
      {"cumsum", [](const Inputs& in) { return cumsum(in[0] * in[0], 1); }, {x}},
      {"sum_to",
       [](const Inputs& in) {
         return sum_to(in[0] * in[0], {3, 1, 5});
       },
       {x}},
      {"broadcast_to",
       [](const Inputs& in) {
         return broadcast_to(in[0] * in[0], {4, 2, 3});
       },
       {normal({2, 1})}},
  };
}

std::vector<Row> matrix_rows() {
  std::vector<Row> rows;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      rows.push_back(
          {"matmul",
           [=](const Inputs& x) { return matmul(x[0], x[1], ta, tb); },
           {normal(ta ? Shape{4, 3} : Shape{3, 4}), normal(tb ? Shape{5, 4} : Shape{4, 5}, 6)}});
    }
  }
  rows.push_back({"linear",
                  [](const Inputs& x) { return linear(x[0], x[1], x[2]); },
                  {normal({3, 4}), normal({2, 4}, 5), normal({2}, 6)}});
  rows.push_back({"linear",
                  [](const Inputs& x) { return linear(x[0], x[1]); },
                  {normal({2, 3, 4}), normal({2, 4}, 5)}});
  rows.push_back(
      {"log_softmax", [](const Inputs& x) { return log_softmax(x[0]); }, {normal({3, 9})}});
  rows.push_back({"softmax", [](const Inputs& x) { return softmax(x[0]); }, {normal({3, 9})}});
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      rows.push_back({"matmul",
                      [=](const Inputs& x) { return matmul(x[0], x[1], ta, tb); },
                      {normal(ta ? Shape{2, 1, 4, 3} : Shape{2, 1, 3, 4}),
                       normal(tb ? Shape{3, 2, 4} : Shape{3, 4, 2}, 6)}});
    }
  }
  const auto product = [](const Inputs& x) { return matmul(x[0], x[1]); };
  rows.push_back({"matmul", product, {normal({2, 3, 4}), normal({4, 2}, 6)}});
  rows.push_back({"matmul", product, {normal({4}), normal({2, 4, 3}, 6)}});
  rows.push_back({"matmul", product, {normal({2, 3, 4}), normal({4}, 6)}});
  rows.push_back(
      {"dot", [](const Inputs& x) { return dot(x[0], x[1]); }, {normal({5}), normal({5}, 6)}});
  rows.push_back(
      {"outer", [](const Inputs& x) { return outer(x[0], x[1]); }, {normal({3}), normal({4}, 6)}});
  for (const auto& [text, other] :
       std::vector<std::pair<const char*, Shape>>{{"bij,bjk->bik", {2, 3, 4}},
                                                  {"bij,kj->ikb", {4, 3}},
                                                  {"bij,bij->", {2, 3, 3}},
                                                  {"bij,jcb->c", {3, 4, 2}}}) {
    rows.push_back({"einsum",
                    [formula = text](const Inputs& x) { return einsum(formula, x[0], x[1]); },
                    {normal({2, 3, 3}), normal(other, 6)}});
  }
  rows.push_back(
      {"softmax", [](const Inputs& x) { return softmax(x[0], 1); }, {normal({2, 3, 2})}});
  rows.push_back(
      {"log_softmax", [](const Inputs& x) { return log_softmax(x[0], 0); }, {normal({4, 3})}});
  const Tensor labels = tensor<std::int64_t>({2, 0, 4});
  rows.push_back({"softmax_cross_entropy",
                  [labels](const Inputs& x) { return softmax_cross_entropy(x[0], labels); },
                  {normal({3, 5})}});
  return rows;
}

std::vector<Row> convolution_rows() {
  const auto conv = [](ConvOptions options) {
    return [options](const Inputs& x) {
      return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), options);
    };
  };
  const auto transposed = [](ConvTransposeOptions options) {
    return [options](const Inputs& x) {
      return conv_transpose2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), options);
    };
  };
  const Tensor image = normal({2, 2, 5, 4});
  return {
      {"conv2d", conv({}), {image, normal({3, 2, 2, 3}, 4), normal({3}, 5)}},
      {"conv2d", conv({.stride = 2, .padding = 1}), {image, normal({3, 2, 4, 3}, 4)}},
      {"conv2d",
       conv({.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2}}),
       {image, normal({1, 2, 3, 2}, 4)}},
      {"conv2d",
       conv({.padding = 1, .groups = 2}),
       {image, normal({4, 1, 3, 3}, 4), normal({4}, 5)}},
      {"conv2d", conv({.padding = "same", .dilation = {1, 2}}), {image, normal({2, 2, 2, 2}, 4)}},
      {"conv1d",
       [](const Inputs& x) { return conv1d(x[0], x[1], x[2], {.stride = 2, .padding = 1}); },
       {normal({2, 2, 7}), normal({3, 2, 3}, 4), normal({3}, 5)}},
      {"conv_transpose1d",
       [](const Inputs& x) {
         return conv_transpose1d(x[0], x[1], x[2], {.stride = 2, .padding = 1});
       },
       {normal({2, 2, 4}), normal({2, 3, 3}, 4), normal({3}, 5)}},
      {"conv_transpose2d", transposed({}), {image, normal({2, 3, 2, 3}, 4), normal({3}, 5)}},
      {"conv_transpose2d",
       transposed({.stride = 2, .padding = 1, .output_padding = {1, 0}}),
       {image, normal({2, 1, 4, 3}, 4)}},
      {"conv_transpose2d",
       transposed({.stride = 2, .padding = 1, .groups = 2}),
       {image, normal({2, 2, 3, 3}, 4)}},
      {"batch_norm",
       [](const Inputs& x) { return batch_norm(x[0], x[1], x[2]).output; },
       {normal({3, 2, 2, 3}), positive({2}), normal({2}, 9)}},
      {"batch_norm",
       [](const Inputs& x) { return batch_norm(x[0], x[1], x[2]).output; },
       {normal({5, 3}), positive({3}), normal({3}, 9)}},
      {"batch_norm",
       [](const Inputs& x) { return batch_norm(x[0], x[1], x[2], x[3], x[4], 1e-3); },
       {normal({2, 3, 2}), positive({3}), normal({3}, 9), normal({3}, 4), positive({3}, 5)}},
  };
}

std::vector<Row> tensor_rows() {
  return {
      {"reshape",
       [](const Inputs& x) {
         return square(x[0].reshape({3, -1}));
       },
       {normal({2, 6})}},
      {"cast",
       [](const Inputs& x) { return cast(cast(x[0] * x[0], DType::float64), DType::float64); },
       {normal({4})}},
  };
}

std::vector<Row> shape_rows() {
  const Tensor x = normal({2, 3, 4});
  const auto of_square = [](const std::function<Tensor(const Tensor&)>& operation) {
    return [operation](const Inputs& in) { return operation(in[0] * in[0]); };
  };
  const auto row = [&](const char* name, const std::function<Tensor(const Tensor&)>& operation) {
    return Row{name, of_square(operation), {x}};
  };
  const Tensor index = tensor({2, -3, 2, 1});
  const Tensor positions = Rng(4).integers({2, 3, 4}, 0, 2);
  return {
      row("permute",
          [](const Tensor& v) {
            return permute(v, {2, 0, 1});
          }),
      row("transpose", [](const Tensor& v) { return transpose(v); }),
      row("flatten", [](const Tensor& v) { return flatten(v, 1); }),
      row("squeeze",
          [](const Tensor& v) {
            return squeeze(v.reshape({2, 1, 12}));
          }),
      row("unsqueeze", [](const Tensor& v) { return unsqueeze(v, 1); }),
      row("expand",
          [](const Tensor& v) {
            return expand(unsqueeze(v, 1), {-1, 2, -1, -1});
          }),
      row("slice",
          [](const Tensor& v) {
            return slice(
                v, {{.axis = 1, .start = to_end, .step = -2}, {.axis = 2, .start = 1, .step = 2}});
          }),
      row("slice", [](const Tensor& v) { return slice(v, -1, -3, -1); }),
      row("flip",
          [](const Tensor& v) {
            return flip(v, {0, 2});
          }),
      row("roll",
          [](const Tensor& v) {
            return roll(v, {1, -2}, {2, 1});
          }),
      row("tile",
          [](const Tensor& v) {
            return tile(v, {2, 1, 3});
          }),
      row("repeat", [](const Tensor& v) { return repeat(v, 3, 1); }),
      row("pad",
          [](const Tensor& v) {
            return pad(v, {{1, 0}, {0, 2}, {-1, 1}}, PadMode::constant, 2.0);
          }),
      row("pad",
          [](const Tensor& v) {
            return pad(v, {{0, 0}, {2, 1}, {3, 3}}, PadMode::reflect);
          }),
      row("pad",
          [](const Tensor& v) {
            return pad(v, {{2, 1}, {0, 0}, {5, 0}}, PadMode::replicate);
          }),
      row("pixel_shuffle",
          [](const Tensor& v) {
            return pixel_shuffle(v.reshape({1, 4, 3, 2}), 2);
          }),
      row("pixel_unshuffle",
          [](const Tensor& v) {
            return pixel_unshuffle(v.reshape({1, 1, 6, 4}), 2);
          }),
      row("tril", [](const Tensor& v) { return tril(v, 1); }),
      row("triu", [](const Tensor& v) { return triu(v); }),
      {"concat",
       [](const Inputs& in) {
         return concat({in[0] * in[0], in[1], in[0]}, 1);
       },
       {x, normal({2, 1, 4}, 5)}},
      {"stack",
       [](const Inputs& in) {
         return stack({in[0] * in[0], in[1]}, -1);
       },
       {x, normal({2, 3, 4}, 5)}},
      {"split",
       [](const Inputs& in) {
         return split(in[0] * in[0], {1, 2}, 1)[1];
       },
       {x}},
      {"split", [](const Inputs& in) { return split(in[0] * in[0], 3, 2)[1]; }, {x}},
      {"chunk", [](const Inputs& in) { return chunk(in[0] * in[0], 2, 1)[0]; }, {x}},
      row("index_select", [index](const Tensor& v) { return index_select(v, 1, index); }),
      row("take",
          [index](const Tensor& v) {
            return take(v, index.reshape({2, 2}), 2);
          }),
      row("gather",
          [positions](const Tensor& v) { return gather(v, 1, slice(positions, 2, 0, 3)); }),
      row("take_along_axis",
          [positions](const Tensor& v) {
            return take_along_axis(v, slice(positions, 0, 0, 1), 1);
          }),
      {"scatter_add",
       [positions](const Inputs& in) { return square(scatter_add(in[0], 0, positions, in[1])); },
       {x, normal({2, 3, 4}, 5)}},
      {"index_add",
       [index](const Inputs& in) { return square(index_add(in[0], 1, index, in[1])); },
       {x, normal({2, 4, 4}, 5)}},
  };
}

std::vector<Row> image_rows() {
  const Tensor x = normal({2, 2, 5, 4});
  const auto row = [&](const char* name, const std::function<Tensor(const Tensor&)>& operation) {
    return Row{name, [operation](const Inputs& in) { return operation(in[0] * in[0]); }, {x}};
  };
  return {
      row("max_pool2d",
          [](const Tensor& v) { return max_pool2d(v, {.kernel = 3, .stride = 2, .padding = 1}); }),
      row("max_pool2d",
          [](const Tensor& v) {
            return max_pool2d(v, {.kernel = 2, .dilation = {2, 1}});
          }),
      row("avg_pool2d",
          [](const Tensor& v) {
            return avg_pool2d(v, {.kernel = {2, 3}, .padding = 1});
          }),
      row("avg_pool2d",
          [](const Tensor& v) {
            return avg_pool2d(v, {.kernel = 3,
                                  .stride = 2,
                                  .padding = 1,
                                  .ceil_mode = true,
                                  .count_include_pad = false});
          }),
      row("adaptive_avg_pool2d",
          [](const Tensor& v) {
            return adaptive_avg_pool2d(v, {3, 5});
          }),
      row("global_avg_pool2d", [](const Tensor& v) { return global_avg_pool2d(v); }),
      row("global_max_pool2d", [](const Tensor& v) { return global_max_pool2d(v); }),
      row("max_pool1d",
          [](const Tensor& v) {
            return max_pool1d(v.reshape({2, 2, 20}), {.kernel = 3});
          }),
      row("avg_pool1d",
          [](const Tensor& v) {
            return avg_pool1d(v.reshape({2, 2, 20}), {.kernel = 3, .stride = 2});
          }),
      row("upsample",
          [](const Tensor& v) {
            return upsample(v, {2, 3});
          }),
      row("resize",
          [](const Tensor& v) {
            return resize(v, {7, 3}, Interpolation::bilinear);
          }),
      row("resize",
          [](const Tensor& v) {
            return resize(v, {3, 9}, Interpolation::bilinear_aligned);
          }),
      row("unfold",
          [](const Tensor& v) {
            return unfold(v, {.kernel = {2, 3}, .stride = {2, 1}, .padding = 1});
          }),
      row("fold",
          [](const Tensor& v) {
            return fold(slice(v.reshape({1, 4, 20}), 2, 0, 6), {5, 6},
                        {.kernel = 2, .stride = {2, 1}, .dilation = {2, 3}});
          }),
      row("dropout",
          [](const Tensor& v) {
            Rng rng(8);
            return dropout(v, 0.4, rng);
          }),
      row("dropout_channels",
          [](const Tensor& v) {
            Rng rng(8);
            return dropout_channels(v, 0.4, rng);
          }),
  };
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto& group : {arithmetic_rows(), math_rows(), reduction_rows(), matrix_rows(),
                            convolution_rows(), tensor_rows(), shape_rows(), image_rows()}) {
    rows.insert(rows.end(), group.begin(), group.end());
  }
  return rows;
}

// Functions that give a tensor but are not differentiable, or are no operations.
const std::set<std::string> not_differentiable = {
    "operator==", "operator!=", "operator<", "operator<=", "operator>", "operator>=", "clone",
    "detach", "with_node", "empty", "zeros", "ones", "full", "zeros_like", "ones_like", "scalar",
    "from_values", "from_xtensor", "tensor", "record", "record_list", "record_fused", "one_hot",
    "operator&&", "operator||", "operator!", "logical_xor", "argmax", "argmin", "all", "any",
    "arange", "arange_real", "arange_whole", "grad", "linspace", "eye", "counter",
    // of the classes Rng, Pullback and Variables
    "uniform", "normal", "integers", "permutation", "output", "at", "operator[]"};

std::set<std::string> declared_functions() {
  const std::filesystem::path core =
      std::filesystem::path(from_ctest("MNEMO_TESTS_DIR")).parent_path() / "core";
  const std::regex declaration(
      R"((?:^|\n) *(?:inline )?(?:Tensor|std::vector<Tensor>|BatchNormResult) (operator *[^ (]+|\w+)\()");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(core)) {
    if (entry.path().extension() != ".hpp") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator match(source.begin(), source.end(), declaration), end; match != end;
         ++match) {
      names.insert((*match)[1]);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("the derivatives of every operation agree with central differences") {
  for (const Row& row : all_rows()) {
    CAPTURE(row.name);
    const GradientCheck check = check_gradients(row.function, row.inputs);
    CHECK_MESSAGE(check.passed, row.name, ": ", check.text());
  }
}

TEST_CASE("every operation that the headers declare has a row") {
  std::set<std::string> rows;
  for (const Row& row : all_rows()) rows.insert(row.name);
  const std::set<std::string> declared = declared_functions();
  REQUIRE(declared.size() > 20);
  for (const std::string& name : declared) {
    if (not_differentiable.contains(name)) continue;
    CHECK_MESSAGE(rows.contains(name), name, " has no row in the gradient table");
  }
  for (const std::string& name : rows) {
    CHECK_MESSAGE(declared.contains(name), name, " has a row but is not declared in core/");
  }
}

namespace {

// x³ with a rule that is off by one in the factor.
Tensor wrong_cube(const Tensor& x) {
  return record(
      "wrong_cube", (x * x * x).detach(), {.inputs = true},
      [](Pullback& back) {
        back.to(0, [&] { return back.gradient() * 2.0 * square(back.input(0)); });
      },
      x);
}

// x³ with a right first derivative whose own derivative is lost.
Tensor cube_of_first_order(const Tensor& x) {
  return record(
      "cube_of_first_order", (x * x * x).detach(), {.inputs = true},
      [](Pullback& back) {
        back.to(0, [&] { return back.gradient() * 3.0 * square(back.input(0)).detach(); });
      },
      x);
}

// A gradient in the wrong shape for an input that was not broadcast.
Tensor wrong_shape(const Tensor& x) {
  return record(
      "wrong_shape", x.clone(), {}, [](Pullback& back) { back.give(0, sum(back.gradient())); }, x);
}

// A rule that writes to an input which is not there.
Tensor wrong_input(const Tensor& x) {
  return record(
      "wrong_input", x.clone(), {}, [](Pullback& back) { back.give(1, back.gradient()); }, x);
}

}  // namespace

TEST_CASE("the checker rejects wrong rules") {
  const auto check = [](Tensor (*function)(const Tensor&)) {
    return check_gradients([function](const Inputs& x) { return function(x[0]); }, {normal({3})});
  };
  const GradientCheck first = check(wrong_cube);
  CHECK_FALSE(first.passed);
  CHECK(first.analytic == doctest::Approx(first.numeric * 2.0 / 3.0));
  const GradientCheck second = check(cube_of_first_order);
  CHECK_FALSE(second.passed);
  CHECK(second.order == 2);
  CHECK(check_gradients([](const Inputs& x) { return cube_of_first_order(x[0]); }, {normal({3})},
                        {.orders = 1})
            .passed);
  CHECK(mentions(error_of([&] { check(wrong_shape); }), {"wrong_shape", "shape [] ", "[3]"}));
  CHECK(mentions(error_of([&] { check(wrong_input); }), {"wrong_input", "input 1 of 1"}));
  CHECK_THROWS_AS(check_gradients([](const Inputs& x) { return x[0]; }, {ones({2})}), Error);
}
