// Values and derivatives of every operation as PyTorch has them: golden/record_operations.py says
// how they were recorded, and what the inputs of each case are.
#include <functional>
#include <limits>
#include <set>

#include "golden_values.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/batch_norm.hpp"
#include "mnemo/core/conv.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/core/fold.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/indexing.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/matmul.hpp"
#include "mnemo/core/pooling.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "mnemo/core/softmax.hpp"
#include "mnemo/core/upsample.hpp"

using namespace mnemo;

namespace {

using In = std::vector<Tensor>;
using Operation = std::function<Tensor(const In&)>;

Operation unary(Tensor (*function)(const Tensor&)) {
  return [function](const In& x) { return function(x[0]); };
}
Operation binary(Tensor (*function)(const Tensor&, const Tensor&)) {
  return [function](const In& x) { return function(x[0], x[1]); };
}
Operation reduced(Tensor (*function)(const Tensor&, const Reduction&), Reduction how) {
  return [function, how](const In& x) { return function(x[0], how); };
}
Tensor joined(std::vector<Tensor> parts) {
  for (Tensor& part : parts) part = flatten(part);
  return concat(parts);
}

const std::vector<std::pair<std::string, Operation>> cases{
    {"add", binary(operator+)},
    {"sub", binary(operator-)},
    {"mul", binary(operator*)},
    {"div", binary(operator/)},
    {"numbers", [](const In& x) { return 2.0 / (3.0 - x[0]) + (x[0] * 2.0 - 1.0) / 4.0; }},
    {"neg", unary(operator-)},
    {"pow", binary(pow)},
    {"pow.number", [](const In& x) { return pow(x[0], 3.0) + pow(2.0, x[0]); }},
    {"pow.fraction", [](const In& x) { return pow(x[0], -1.5); }},
    {"maximum", binary(maximum)},
    {"minimum", binary(minimum)},
    {"where", [](const In& x) { return where(x[0], x[1], x[2]); }},
    {"exp", unary(exp)},
    {"expm1", unary(expm1)},
    {"log", unary(log)},
    {"log1p", unary(log1p)},
    {"sqrt", unary(sqrt)},
    {"rsqrt", unary(rsqrt)},
    {"square", unary(square)},
    {"abs", unary(abs)},
    {"sign", unary(sign)},
    {"sin", unary(sin)},
    {"cos", unary(cos)},
    {"erf", unary(erf)},
    {"tanh", unary(tanh)},
    {"sigmoid", unary(sigmoid)},
    {"softplus", unary(softplus)},
    {"relu", unary(relu)},
    {"leaky_relu", [](const In& x) { return leaky_relu(x[0], 0.2); }},
    {"elu", [](const In& x) { return elu(x[0], 0.7); }},
    {"selu", unary(selu)},
    {"silu", unary(silu)},
    {"gelu", [](const In& x) { return gelu(x[0]); }},
    {"gelu.tanh", [](const In& x) { return gelu(x[0], Gelu::tanh); }},
    {"hardtanh", [](const In& x) { return hardtanh(x[0], -0.5, 1.9); }},
    {"clip", [](const In& x) { return clip(x[0], -0.7, 1.0); }},
    {"sum", reduced(sum, {.axes = {0, 2}})},
    {"sum.none", reduced(sum, {.axes = {0}})},
    {"mean", reduced(mean, {.axes = {1}, .keepdims = true})},
    {"var",
     [](const In& x) {
       return var(x[0], {.axes = {0, 1}});
     }},
    {"var.population",
     [](const In& x) {
       return var(x[0], {.axes = {-1, 1}, .keepdims = true}, 0.0);
     }},
    {"max", reduced(max, {.axes = {1}})},
    {"min", reduced(min, {})},
    {"prod", reduced(prod, {.axes = {-1}})},
    {"prod.none", reduced(prod, {.axes = {0}})},
    {"norm",
     [](const In& x) {
       return norm(x[0], 2.0, {.axes = {0, 2}});
     }},
    {"norm.1", [](const In& x) { return norm(x[0], 1.0, {.axes = {1}, .keepdims = true}); }},
    {"norm.3", [](const In& x) { return norm(x[0], 3.0); }},
    {"norm.inf", [](const In& x) { return norm(x[0], INFINITY, {.axes = {2}}); }},
    {"logsumexp", reduced(logsumexp, {.axes = {0, 2}})},
    {"cumsum", [](const In& x) { return cumsum(x[0], 1); }},
    {"sum_to",
     [](const In& x) {
       return sum_to(x[0], {3, 1});
     }},
    {"reshape",
     [](const In& x) {
       return x[0].reshape({4, -1});
     }},
    {"flatten", [](const In& x) { return flatten(x[0], 1); }},
    {"transpose", [](const In& x) { return transpose(x[0], 0, -1); }},
    {"permute",
     [](const In& x) {
       return permute(x[0], {2, 0, 1});
     }},
    {"squeeze", [](const In& x) { return squeeze(x[0], {1}); }},
    {"unsqueeze", [](const In& x) { return unsqueeze(x[0], -1); }},
    {"expand",
     [](const In& x) {
       return expand(x[0], {2, -1, 4});
     }},
    {"broadcast_to",
     [](const In& x) {
       return broadcast_to(x[0], {2, 3, 4});
     }},
    {"slice",
     [](const In& x) {
       return slice(x[0], {{.axis = 1, .start = 1}, {.axis = -1, .start = -1, .step = -2}});
     }},
    {"index_select", [](const In& x) { return index_select(x[0], 1, x[1]); }},
    {"take", [](const In& x) { return take(x[0], x[1]); }},
    {"gather", [](const In& x) { return gather(x[0], 2, x[1]); }},
    {"take_along_axis", [](const In& x) { return take_along_axis(x[0], x[1], 1); }},
    {"scatter_add", [](const In& x) { return scatter_add(x[0], 2, x[1], x[2]); }},
    {"index_add", [](const In& x) { return index_add(x[0], 1, x[1], x[2]); }},
    {"concat", [](const In& x) { return concat(x, 1); }},
    {"stack", [](const In& x) { return stack(x, -1); }},
    {"split",
     [](const In& x) {
       return joined(split(x[0], {1, 3}, 2));
     }},
    {"chunk", [](const In& x) { return joined(chunk(x[0], 3, -1)); }},
    {"pad",
     [](const In& x) {
       return pad(x[0], {{0, 0}, {0, 1}, {2, -1}}, PadMode::constant, 2.0);
     }},
    {"pad.reflect",
     [](const In& x) {
       return pad(x[0], {{0, 0}, {2, 1}, {0, 0}}, PadMode::reflect);
     }},
    {"pad.replicate",
     [](const In& x) {
       return pad(x[0], {{0, 0}, {0, 0}, {3, 2}}, PadMode::replicate);
     }},
    {"flip",
     [](const In& x) {
       return flip(x[0], {0, -1});
     }},
    {"roll",
     [](const In& x) {
       return roll(x[0], {1, -2}, {2, 1});
     }},
    {"tile",
     [](const In& x) {
       return tile(x[0], {2, 1, 3});
     }},
    {"repeat", [](const In& x) { return repeat(x[0], 3, 1); }},
    {"tril", [](const In& x) { return tril(x[0], 1); }},
    {"triu", [](const In& x) { return triu(x[0], -1); }},
    {"matmul", [](const In& x) { return matmul(x[0], x[1]); }},
    {"matmul.vectors", [](const In& x) { return matmul(x[0], x[1]) * matmul(x[1], x[2]); }},
    {"matmul.transposed", [](const In& x) { return matmul(x[0], x[1], true, true); }},
    {"matmul.none", [](const In& x) { return matmul(x[0], x[1]); }},
    {"dot", binary(dot)},
    {"outer", binary(outer)},
    {"linear", [](const In& x) { return linear(x[0], x[1], x[2]); }},
    {"einsum", [](const In& x) { return einsum("bij,kjc->kib", x[0], x[1]); }},
    {"conv2d",
     [](const In& x) {
       return conv2d(x[0], x[1], x[2],
                     {.stride = {1, 2}, .padding = Pair(2, 1), .dilation = {2, 1}});
     }},
    {"conv2d.groups", [](const In& x) { return conv2d(x[0], x[1], {}, {.groups = 2}); }},
    {"conv2d.depthwise",
     [](const In& x) { return conv2d(x[0], x[1], {}, {.padding = "same", .groups = 4}); }},
    {"conv1d", [](const In& x) { return conv1d(x[0], x[1], x[2], {.stride = 2, .padding = 1}); }},
    {"conv_transpose2d",
     [](const In& x) {
       return conv_transpose2d(x[0], x[1], x[2],
                               {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}});
     }},
    {"conv_transpose2d.groups",
     [](const In& x) { return conv_transpose2d(x[0], x[1], {}, {.dilation = 2, .groups = 2}); }},
    {"conv_transpose1d",
     [](const In& x) { return conv_transpose1d(x[0], x[1], x[2], {.stride = 3, .padding = 1}); }},
    {"max_pool2d",
     [](const In& x) {
       return max_pool2d(x[0], {.kernel = {3, 2}, .stride = 2, .padding = 1});
     }},
    {"max_pool1d",
     [](const In& x) { return max_pool1d(x[0], {.kernel = 2, .stride = 1, .dilation = 2}); }},
    {"avg_pool2d",
     [](const In& x) {
       return avg_pool2d(
           x[0],
           {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false});
     }},
    {"avg_pool1d",
     [](const In& x) { return avg_pool1d(x[0], {.kernel = 3, .stride = 2, .padding = 1}); }},
    {"adaptive_avg_pool2d",
     [](const In& x) {
       return adaptive_avg_pool2d(x[0], {3, 4});
     }},
    {"global_avg_pool2d", unary(global_avg_pool2d)},
    {"global_max_pool2d", unary(global_max_pool2d)},
    {"upsample",
     [](const In& x) {
       return upsample(x[0], {2, 3});
     }},
    {"resize",
     [](const In& x) {
       return resize(x[0], {7, 4});
     }},
    {"resize.bilinear",
     [](const In& x) {
       return resize(x[0], {7, 4}, Interpolation::bilinear);
     }},
    {"resize.aligned",
     [](const In& x) {
       return resize(x[0], {7, 4}, Interpolation::bilinear_aligned);
     }},
    {"pixel_shuffle", [](const In& x) { return pixel_shuffle(x[0], 2); }},
    {"pixel_unshuffle", [](const In& x) { return pixel_unshuffle(x[0], 2); }},
    {"unfold",
     [](const In& x) {
       return unfold(x[0],
                     {.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}, .dilation = {2, 1}});
     }},
    {"fold",
     [](const In& x) {
       return fold(x[0], {4, 5}, {.kernel = 2, .stride = {1, 2}, .padding = 1, .dilation = 2});
     }},
    {"softmax", [](const In& x) { return softmax(x[0], 1); }},
    {"log_softmax", [](const In& x) { return log_softmax(x[0]); }},
    {"softmax_cross_entropy", binary(softmax_cross_entropy)},
    {"batch_norm", [](const In& x) { return batch_norm(x[0], x[1], x[2]).output; }},
};

// What one case computes against what was recorded.
class Comparison {
 public:
  Comparison(const Variables& file, std::string name, DType dtype)
      : file_(file), name_(std::move(name)), dtype_(dtype) {
    while (const Tensor* recorded = file.find(name_ + "/in" + std::to_string(inputs_.size()))) {
      const bool real = is_differentiable(recorded->dtype());
      inputs_.push_back(real ? cast(*recorded, dtype) : *recorded);
      if (real) leaves_.push_back(inputs_.back().set_requires_grad());
    }
  }

  void run(const Operation& operation) const {
    const Tensor out = operation(inputs_);
    expect("out", out);
    const Tensor up = cast(file_.at(name_ + "/up"), dtype_);
    const In gradients = grad({out}, leaves_, {.grad_outputs = {up}});
    const In recorded = grad({out}, leaves_, {.create_graph = true, .grad_outputs = {up}});
    Tensor total = scalar(0.0, dtype_);
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      expect("grad" + std::to_string(i), gradients[i]);
      expect("grad" + std::to_string(i), recorded[i]);
      total = total + sum(leaves_[i].detach() * recorded[i]);
    }
    In second(leaves_.size());
    if (total.requires_grad()) second = grad(total, leaves_, {.allow_unused = true});
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const Tensor zero = zeros_like(leaves_[i]);
      expect("second" + std::to_string(i), second[i].defined() ? second[i] : zero, zero);
    }
  }

 private:
  // Against what is recorded under that name, or else against `otherwise`.
  void expect(const std::string& what, const Tensor& actual, const Tensor& otherwise = {}) const {
    const Tensor* const recorded = file_.find(name_ + "/" + what);
    const Tensor& expected = recorded ? *recorded : otherwise;
    CHECK(actual.dtype() == dtype_);
    golden::expect_close(name_ + "/" + what, actual, expected,
                         golden::tolerance(dtype_, 1e-13, 1e-5),
                         std::max(1.0, golden::scale(expected)));
  }

  const Variables& file_;
  std::string name_;
  DType dtype_;
  In inputs_, leaves_;
};

}  // namespace

TEST_CASE("every operation and its first and second derivatives agree with PyTorch") {
  const Variables file = golden::read("operations");
  std::set<std::string> recorded;
  for (const Variable& each : file) recorded.insert(each.name.substr(0, each.name.find('/')));
  CHECK(recorded.size() == cases.size());
  for (const DType dtype : {DType::float64, DType::float32}) {
    for (const auto& each : cases) {  // clang 14 captures no structured bindings
      CAPTURE(each.first);
      REQUIRE(recorded.contains(each.first));
      Comparison(file, each.first, dtype).run(each.second);
    }
  }
}

namespace {

// The inputs of a case with one of them changed: by dtype, by shape, undefined.
std::vector<In> wrong_inputs(const In& inputs) {
  std::vector<In> changed;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    const auto add = [&](const Tensor& instead) {
      changed.push_back(inputs);
      changed.back()[i] = instead;
    };
    add(Tensor());
    for (const DType dtype : {DType::boolean, DType::int32, DType::float16, DType::float32}) {
      add(zeros(x.shape(), dtype));
    }
    add(unsqueeze(x, 0));
    for (std::size_t axis = 0; axis < x.rank(); ++axis) {
      Shape shape = x.shape();
      for (const std::int64_t length : {std::int64_t{0}, std::int64_t{1}, shape[axis] + 1}) {
        shape[axis] = length;
        add(zeros(shape, x.dtype()));
      }
      shape.erase(axis);
      add(zeros(shape, x.dtype()));
    }
  }
  return changed;
}

}  // namespace

TEST_CASE("inputs that do not fit are refused by an Error, or else computed with all derivatives") {
  const Variables file = golden::read("operations");
  int refused = 0;
  int computed = 0;
  for (const auto& [name, operation] : cases) {
    In inputs;
    while (const Tensor* x = file.find(name + "/in" + std::to_string(inputs.size()))) {
      inputs.push_back(*x);
    }
    for (In& changed : wrong_inputs(inputs)) {
      In leaves;
      std::string given = name + " of";
      for (Tensor& x : changed) {
        if (x.defined() && is_differentiable(x.dtype())) leaves.push_back(x.set_requires_grad());
        given +=
            x.defined() ? " " + std::string(dtype_name(x.dtype())) + to_string(x.shape()) : " -";
      }
      CAPTURE(given);
      try {
        const Tensor out = operation(changed);
        ++computed;
        // Real numbers come from real numbers only.
        CHECK((!leaves.empty() || !is_differentiable(out.dtype())));
        if (!out.requires_grad()) continue;
        const In gradients =
            grad({out}, leaves,
                 {.create_graph = true, .allow_unused = true, .grad_outputs = {ones_like(out)}});
        for (std::size_t i = 0; i < leaves.size(); ++i) {
          if (!gradients[i].defined()) continue;
          CHECK(gradients[i].shape() == leaves[i].shape());
          if (gradients[i].requires_grad()) grad(sum(gradients[i]), leaves, {.allow_unused = true});
        }
      } catch (const Error& error) {
        ++refused;
        const std::string message = error.what();
        const std::string function = name.substr(0, name.find('.'));
        const bool named = function == "numbers" || message.starts_with(function + ": ");
        CHECK_MESSAGE(named, message);
      }
    }
  }
  CHECK(refused > 800);
  CHECK(computed > 800);
}
