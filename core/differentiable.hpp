#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mnemo/core/detail/watch.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/tensor.hpp"

/// Everything that is needed to write a differentiable operation: compute the value, then `record`
/// it with the rule that turns the gradient of the result into gradients of the inputs. The rule is
/// written with mnemo's own operations, so it can itself be differentiated, to any order:
///
///     Tensor cube(const Tensor& x) {
///       Tensor y = x.clone();
///       for (float& value : y.mutable_span<float>()) value = value * value * value;
///       return record("cube", y, {.inputs = true},
///                     [](Pullback& back) {
///                       back.to(0, [&] { return back.gradient() * 3.0 * square(back.input(0)); });
///                     }, x);
///     }
namespace mnemo {

class Node;
class Pullback;

/// Frees a node, and then those before it that nobody else holds, one after another and not by
/// recursion: a graph of a million operations goes as well.
void destroy(Node* node) noexcept;

/// What a recorded operation keeps for its rule. Less is better: what is kept stays in memory until
/// the graph goes.
struct Keep {
  bool inputs = false;       ///< all inputs
  bool output = false;       ///< the result
  std::uint32_t only = ~0u;  ///< with `inputs`: bit i set keeps input i
};

/// One recorded operation: which nodes its inputs came from and the rule. A leaf (a parameter) is a
/// node without inputs.
class Node : public RefCounted, public detail::GraphObject {
 public:
  /// What a node knows of one input of its operation.
  struct Input {
    Ref<Node> node;             ///< what made it; null where no gradient is wanted
    Tensor kept;                ///< undefined unless the rule reads it
    std::uint32_t version = 0;  ///< of `kept` when it was kept
  };

  /// `name` of the operation, a string literal, and shape and dtype of its result.
  Node(const char* name, const Shape& shape, DType dtype)
      : dtype_(dtype), name_or_next_{.name = name}, shape_(shape) {}
  virtual ~Node() = default;

  const char* name() const { return name_or_next_.name; }  ///< of the operation, for messages
  ///@{
  /// Of the result, and so of the gradient that `apply` works with.
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  ///@}
  /// Whether no operation made it: a parameter.
  bool is_leaf() const { return inputs().empty(); }
  /// In the order of the arguments.
  virtual std::span<const Input> inputs() const = 0;
  /// Runs the rule: from the gradient of the result those of the inputs that are wanted.
  virtual void apply(Pullback& back) const = 0;

 protected:
  /// For the constructor of a node: where its inputs are kept (in the node itself), which of
  /// `tensors` the rule reads, and the tensors.
  static void set_inputs(std::span<Input> inputs, Keep keep,
                         std::span<const Tensor* const> tensors);
  /// Keeps the result for the rule: its elements, not the tensor, which would hold this node for
  /// ever.
  void keep_output(const Tensor& output) {
    output_ = output.storage();
    output_version_ = output.version();
  }

 private:
  friend class Pullback;
  friend void destroy(Node* node) noexcept;

  // As few bytes as they can be: large graphs are made of these. With two inputs and a rule that
  // captures nothing, a node fills two lines of the cache.
  DType dtype_;
  std::uint32_t output_version_ = 0;
  union {
    const char* name;
    Node* next_to_free;  // of one that nobody asks for its name any more
  } name_or_next_;
  Ref<Storage> output_;  // not the tensor: that would keep this node alive for ever
  Shape shape_;
};

/// What a rule works with: the gradient of the operation's result, and where to put the gradients of
/// its inputs.
class Pullback {
 public:
  /// Made by `grad`, for each node that it passes: `wanted` and `results` have one entry for each
  /// input.
  Pullback(const Node& node, Tensor gradient, std::span<const bool> wanted,
           std::span<Tensor> results)
      : node_(node), gradient_(std::move(gradient)), wanted_(wanted), results_(results) {}

  /// The gradient of the result, in its shape.
  const Tensor& gradient() const { return gradient_; }
  /// A kept input. Throws Error if it was written in place since it was kept.
  const Tensor& input(std::size_t index) const;
  /// The kept result, as part of the graph. Throws Error if it was written in place since.
  Tensor output() const;
  /// Whether anybody asked for the gradient of this input.
  bool wants(std::size_t index) const { return wanted_[checked(index)]; }
  /// Sets the gradient of an input: in its shape, or in one that the input was broadcast to.
  void give(std::size_t index, Tensor gradient) { results_[checked(index)] = std::move(gradient); }
  /// give(index, make()), if it is wanted.
  template <class Make>
  void to(std::size_t index, const Make& make) {
    if (wants(index)) give(index, make());
  }

 private:
  std::size_t checked(std::size_t index) const {
    if (index >= wanted_.size()) throw_no_input(index);
    return index;
  }
  [[noreturn]] void throw_no_input(std::size_t index) const;

  const Node& node_;
  Tensor gradient_;
  std::span<const bool> wanted_;
  std::span<Tensor> results_;
};

namespace detail {

bool any_requires_grad(std::span<const Tensor* const> tensors);

template <class Rule, std::size_t count>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, const Tensor& result, Keep keep, Rule&& rule,
           std::span<const Tensor* const> tensors)
      : Node(name, result.shape(), result.dtype()), rule_(std::move(rule)) {
    set_inputs(inputs_, keep, tensors);
    if (keep.output) keep_output(result);
  }
  void apply(Pullback& back) const override { rule_(back); }
  std::span<const Input> inputs() const override { return inputs_; }

 private:
  [[no_unique_address]] Rule rule_;
  std::array<Input, count> inputs_;
};

template <class Rule>
class RuleListNode final : public Node {
 public:
  RuleListNode(const char* name, const Tensor& result, Keep keep, Rule&& rule,
               std::span<const Tensor* const> tensors)
      : Node(name, result.shape(), result.dtype()),
        rule_(std::move(rule)),
        inputs_(tensors.size()) {
    set_inputs(inputs_, keep, tensors);
    if (keep.output) keep_output(result);
  }
  void apply(Pullback& back) const override { rule_(back); }
  std::span<const Input> inputs() const override { return inputs_; }

 private:
  Rule rule_;
  std::vector<Input> inputs_;
};

}  // namespace detail

/// `result`, a fresh tensor that was computed from `inputs`, as the result of an operation that
/// `grad` can differentiate with `rule(Pullback&)`. Returns it unrecorded where recording is off or
/// no input requires a gradient. `name` must outlive the graph (a string literal).
template <class Rule, class... Inputs>
Tensor record(const char* name, Tensor result, Keep keep, Rule rule, const Inputs&... inputs) {
  const std::array<const Tensor*, sizeof...(Inputs)> tensors{&inputs...};
  if (detail::watching()) detail::expect_finite_result(name, result, tensors);
  if (!recording() || !detail::any_requires_grad(tensors)) return result;
  using Made = detail::RuleNode<Rule, sizeof...(Inputs)>;
  Ref<Node> node(new Made(name, result, keep, std::move(rule), tensors));
  return std::move(result).with_node(std::move(node));
}

/// The same for a number of inputs that is known at run time only.
template <class Rule>
Tensor record_list(const char* name, Tensor result, Keep keep, Rule rule,
                   std::span<const Tensor> inputs) {
  std::vector<const Tensor*> tensors;
  for (const Tensor& input : inputs) tensors.push_back(&input);
  if (detail::watching()) detail::expect_finite_result(name, result, tensors);
  if (!recording() || !detail::any_requires_grad(tensors)) return result;
  using Made = detail::RuleListNode<Rule>;
  Ref<Node> node(new Made(name, result, keep, std::move(rule), tensors));
  return std::move(result).with_node(std::move(node));
}

/// An operation whose value and first derivative have kernels of their own: `gradients` gives, from
/// the gradient of the result, the gradients of all `inputs` that are wanted, without recording.
/// Where the derivative itself has to be recorded, `definition`, the same function written in
/// mnemo's operations, is differentiated instead. So every order follows from one definition.
template <class Gradients, class Definition, class... Inputs>
Tensor record_fused(const char* name, Tensor result, Keep keep, Gradients gradients,
                    Definition definition, const Inputs&... inputs);

}  // namespace mnemo

#include "mnemo/core/detail/record_fused.hpp"
