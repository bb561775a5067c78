#include "mnemo/core/grad.hpp"

#include <algorithm>
#include <cstddef>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/accumulate.hpp"
#include "mnemo/core/detail/cached.hpp"
#include "mnemo/core/detail/node_index.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

thread_local bool recording_on = true;

// A node on the way from the outputs to the inputs, and what has flowed into it so far.
struct Stop {
  const Node* node;
  bool is_input = false;
  bool needed = false;         // leads to an input, or is one
  bool entered = false;        // by the walk
  std::size_t first_edge = 0;  // then: of as many as the node has inputs
  Tensor gradient{};
};

// The graph below the outputs, and an order in which each node comes after those it was made from.
// Nodes are looked up while it is walked, and never again: in a large graph that is a wait for memory.
class Route {
 public:
  Route() {
    // Enough for many graphs: to grow up to there would take longer than to walk them.
    stops_.reserve(16);
    edges_.reserve(32);
    order_.reserve(16);
  }

  void add_input(const Node* node) {
    Stop& stop = at(position_of(node));
    stop.is_input = stop.needed = true;
  }

  // Depth first with an explicit stack: a chain of a million operations must not overflow the call
  // stack.
  void walk_from(const Node* output) {
    struct Frame {
      std::int64_t stop;
      std::size_t next_input;
    };
    detail::CachedVector<Frame> stack;
    stack.reserve(16);
    // The position of the stop of `node`, which goes onto the stack if it is new there.
    const auto visit = [&](const Node* node) {
      const std::int64_t position = position_of(node);
      Stop& stop = at(position);
      if (std::exchange(stop.entered, true)) return position;
      stop.first_edge = edges_.size();
      edges_.resize(edges_.size() + node->inputs().size(), detail::NodeIndex::none);
      stack.push_back({position, 0});
      return position;
    };
    visit(output);
    while (!stack.empty()) {
      const std::int64_t position = stack.back().stop;
      const Stop& stop = at(position);
      const std::span<const Node::Input> inputs = stop.node->inputs();
      if (const std::size_t input = stack.back().next_input++; input < inputs.size()) {
        const std::size_t edge = stop.first_edge + input;
        const Node* const below = inputs[input].node.get();
        if (!below) continue;
        edges_[edge] = visit(below);
        at(position).needed |= at(edges_[edge]).needed;
        continue;
      }
      order_.push_back(position);
      stack.pop_back();
      if (!stack.empty()) at(stack.back().stop).needed |= stop.needed;
    }
  }

  const detail::CachedVector<std::int64_t>& order() const { return order_; }
  Stop& at(std::int64_t position) { return stops_[static_cast<std::size_t>(position)]; }
  // The stop of an input or an output.
  Stop& find(const Node* node) { return at(position_of(node)); }
  // The stop of what made an input of the stop's node, or nullptr where no gradient is wanted.
  Stop* below(const Stop& stop, std::size_t input) {
    const std::int64_t position = edges_[stop.first_edge + input];
    return position == detail::NodeIndex::none ? nullptr : &at(position);
  }

 private:
  // That of the stop of `node`, which is added where there is none.
  std::int64_t position_of(const Node* node) {
    std::int64_t& position = index_.find_or_add(node);
    if (position == detail::NodeIndex::none) {
      position = std::ssize(stops_);
      stops_.push_back({node});
    }
    return position;
  }

  detail::NodeIndex index_;
  detail::CachedVector<Stop>
      stops_;  // of inputs and then in the order in which the walk came there
  detail::CachedVector<std::int64_t> edges_;  // positions of stops
  detail::CachedVector<std::int64_t> order_;  // the same, in the order in which it left them
};

// Adds what a rule gave for one input to what has come there before.
void flow(Stop& target, Tensor gradient, const Node& from, bool create_graph) {
  if (gradient.dtype() != target.node->dtype()) {
    detail::fail("grad: the rule of ", from.name(), " gave ", gradient.dtype(), " for an input of ",
                 target.node->dtype());
  }
  if (!(gradient.shape() == target.node->shape())) {
    const Shape given = gradient.shape();
    try {
      gradient = sum_to(gradient, target.node->shape());
    } catch (const Error&) {
      detail::fail("grad: the rule of ", from.name(), " gave a gradient of shape ", given,
                   " for an input of shape ", target.node->shape());
    }
  }
  if (!target.gradient.defined()) {
    target.gradient = std::move(gradient);
  } else if (!create_graph && target.gradient.exclusive()) {
    detail::accumulate(target.gradient, gradient);
  } else {
    target.gradient = target.gradient + gradient;
  }
}

void seed(Route& route, const std::vector<Tensor>& outputs, const GradOptions& options) {
  const std::vector<Tensor>& given = options.grad_outputs;
  if (!given.empty() && given.size() != outputs.size()) {
    detail::fail("grad: ", outputs.size(), " outputs but ", given.size(), " grad_outputs");
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    Tensor gradient;
    if (!given.empty() && given[i].defined()) {
      gradient = options.create_graph ? given[i] : given[i].detach();
      if (!(gradient.shape() == output.shape()) || gradient.dtype() != output.dtype()) {
        detail::fail("grad: output ", i, " is ", output.shape(), " of ", output.dtype(),
                     ", its grad_outputs entry is ", gradient.shape(), " of ", gradient.dtype());
      }
    } else if (output.elements() == 1) {
      gradient = ones(output.shape(), output.dtype());
    } else {
      detail::fail("grad: output ", i, " has shape ", output.shape(),
                   "; an output of more or fewer than one element needs grad_outputs");
    }
    Stop& stop = route.find(output.node().get());
    if (stop.needed) flow(stop, std::move(gradient), *stop.node, options.create_graph);
  }
}

// Hands the gradient of one node to its rule and passes the results on.
void pull_through(Route& route, const Stop& stop, Tensor gradient, bool create_graph,
                  std::vector<std::uint8_t>& flags, std::vector<Tensor>& results) {
  const Node& node = *stop.node;
  const std::span<const Node::Input> inputs = node.inputs();
  flags.assign(inputs.size(), 0);
  results.assign(inputs.size(), Tensor());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (const Stop* const below = route.below(stop, i)) flags[i] = below->needed;
  }
  static_assert(sizeof(bool) == sizeof(std::uint8_t));
  const Tensor watched = detail::watching() ? gradient : Tensor();  // so that no rule writes there
  Pullback back(node, std::move(gradient),
                {reinterpret_cast<const bool*>(flags.data()), flags.size()}, results);
  const detail::WatchBackward watch;
  node.apply(back);
  watch.expect_finite(node.name(), back.gradient(), results);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!flags[i] || !results[i].defined()) continue;
    flow(*route.below(stop, i), std::move(results[i]), node, create_graph);
  }
}

class Recording {
 public:
  explicit Recording(bool on) : before_(std::exchange(recording_on, on)) {}
  ~Recording() { recording_on = before_; }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  bool before_;
};

// The next stop of the way back, with `left` before it. A large graph has left the caches by then, so
// what the rules of those to come will read is asked for in time: each thing when what leads to it
// has come.
Stop& next_stop(Route& route, std::size_t left) {
  const auto fetch = [](const void* from, std::size_t lines) {
    for (std::size_t i = 0; i < lines; ++i) {
      __builtin_prefetch(static_cast<const std::byte*>(from) + 64 * i);
    }
  };
  const auto node_after = [&](std::size_t steps) {
    return route.at(route.order()[left - steps]).node;
  };
  if (left >= 12) {
    fetch(node_after(12), 2);
    for (const Node::Input& input : node_after(8)->inputs()) {
      if (input.kept.defined()) fetch(&input.kept.storage(), 1);
    }
    for (const Node::Input& input : node_after(4)->inputs()) {
      if (input.kept.defined()) fetch(input.kept.storage().get(), 2);
    }
  }
  return route.at(route.order()[left]);
}

// The gradients of `inputs`, undefined where none of the outputs depends on it.
std::vector<Tensor> differentiate(const std::vector<Tensor>& outputs,
                                  const std::vector<Tensor>& inputs, const GradOptions& options) {
  Route route;
  for (const Tensor& input : inputs) {
    if (input.requires_grad()) route.add_input(input.node().get());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].requires_grad()) {
      detail::fail("grad: output ", i, " of shape ", outputs[i].shape(),
                   " was not recorded: nothing it was computed from requires a gradient, or "
                   "recording was off");
    }
    route.walk_from(outputs[i].node().get());
  }
  const Recording scope(options.create_graph);
  seed(route, outputs, options);
  std::vector<std::uint8_t> flags;
  std::vector<Tensor> results;
  for (std::size_t i = route.order().size(); i-- > 0;) {
    Stop& stop = next_stop(route, i);
    if (!stop.needed || stop.node->is_leaf() || !stop.gradient.defined()) continue;
    Tensor gradient = stop.is_input ? stop.gradient : std::move(stop.gradient);
    pull_through(route, stop, std::move(gradient), options.create_graph, flags, results);
  }
  std::vector<Tensor> gradients;
  gradients.reserve(inputs.size());
  for (const Tensor& input : inputs) {
    const bool recorded = input.requires_grad();
    gradients.push_back(recorded ? route.find(input.node().get()).gradient : Tensor());
  }
  return gradients;
}

constexpr const char* unused_hint =
    " does not take part in the outputs (or was used while recording was off); set allow_unused "
    "where that is meant";

}  // namespace

NoGrad::NoGrad() : before_(std::exchange(recording_on, false)) {}
NoGrad::~NoGrad() { recording_on = before_; }
bool recording() { return recording_on; }

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  std::vector<Tensor> gradients = differentiate(outputs, inputs, options);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (gradients[i].defined() || options.allow_unused) continue;
    detail::fail("grad: input ", i, " of shape ", inputs[i].shape(),
                 inputs[i].requires_grad() ? unused_hint : " does not require a gradient");
  }
  return gradients;
}

std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  return grad(std::vector<Tensor>{output}, inputs, options);
}

Variables grad(const std::vector<Tensor>& outputs, const Variables& inputs,
               const GradOptions& options) {
  std::vector<Tensor> tensors;
  for (const Variable& input : inputs) tensors.push_back(input.tensor);
  std::vector<Tensor> gradients = differentiate(outputs, tensors, options);
  Variables named;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (gradients[i].defined()) {
      named.add(inputs[i].name, std::move(gradients[i]));
    } else if (!options.allow_unused) {
      detail::fail("grad: '", inputs[i].name, "' of shape ", tensors[i].shape(),
                   tensors[i].requires_grad() ? unused_hint : " does not require a gradient");
    }
  }
  return named;
}

Variables grad(const Tensor& output, const Variables& inputs, const GradOptions& options) {
  return grad(std::vector<Tensor>{output}, inputs, options);
}

void Node::set_inputs(std::span<Input> inputs, Keep keep, std::span<const Tensor* const> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = *tensors[i];
    if (!tensor.defined()) continue;
    inputs[i].node = tensor.node();
    if (keep.inputs && (keep.only >> (i < 32 ? i : 31) & 1u)) {
      inputs[i].kept = tensor;
      inputs[i].version = tensor.version();
    }
  }
}

void Pullback::throw_no_input(std::size_t index) const {
  detail::fail(node_.name(), ": the rule asks for input ", index, " of ", wanted_.size());
}

const Tensor& Pullback::input(std::size_t index) const {
  const Node::Input& input = node_.inputs()[checked(index)];
  if (!input.kept.defined()) {
    detail::fail(node_.name(), ": the rule reads input ", index, ", which was not kept");
  }
  if (input.kept.version() != input.version) {
    detail::fail(node_.name(), ": the gradient needs input ", index, " of shape ",
                 input.kept.shape(),
                 " as it was in the forward pass, but it was written in place since");
  }
  return input.kept;
}

Tensor Pullback::output() const {
  if (!node_.output_) detail::fail(node_.name(), ": the rule reads the result, which was not kept");
  if (node_.output_->version() != node_.output_version_) {
    detail::fail(node_.name(), ": the gradient needs the result of shape ", node_.shape(),
                 " as it was in the forward pass, but it was written in place since");
  }
  Tensor output(node_.output_, node_.shape(), node_.dtype());
  if (!recording()) return output;
  return std::move(output).with_node(Ref<Node>(const_cast<Node*>(&node_)));
}

namespace detail {

bool any_requires_grad(std::span<const Tensor* const> tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor* tensor) {
    return tensor->defined() && tensor->requires_grad();
  });
}

}  // namespace detail

// Freeing a node frees the tensors it kept and with them the nodes below; a long chain would do
// that by recursion, so the nodes that become free meanwhile wait in a list. The list runs through
// the nodes themselves: a container here would be gone before tensors of static storage duration
// are.
void destroy(Node* node) noexcept {
  thread_local Node* waiting = nullptr;
  thread_local bool draining = false;
  node->name_or_next_.next_to_free = waiting;
  waiting = node;
  if (draining) return;
  draining = true;
  while (waiting) {
    Node* const next = waiting;
    waiting = next->name_or_next_.next_to_free;
    delete next;
  }
  draining = false;
}

void add_reference(const Node* node) { node->retain(); }

void drop_reference(Node* node) {
  if (node->release()) destroy(node);
}

}  // namespace mnemo
