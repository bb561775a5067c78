#include "mnemo/core/debug.hpp"

#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/watch.hpp"
#include "mnemo/core/differentiable.hpp"

namespace mnemo {
namespace {

thread_local bool watching_results = false;

// The first element that is NaN or infinite.
std::optional<std::int64_t> first_non_finite(const Tensor& tensor) {
  if (!tensor.defined() || !is_differentiable(tensor.dtype())) return std::nullopt;
  return detail::with_float_type(
      "finite", tensor.dtype(), [&]<class T>(std::type_identity<T>) -> std::optional<std::int64_t> {
        const T* const x = tensor.data<T>();
        for (std::int64_t i = 0; i < tensor.elements(); ++i) {
          if (!std::isfinite(x[i])) return i;
        }
        return std::nullopt;
      });
}

// "nan at [0, 2]"
std::string place(const Tensor& tensor, std::int64_t element) {
  const double value =
      detail::with_float_type("finite", tensor.dtype(), [&]<class T>(std::type_identity<T>) {
        return static_cast<double>(tensor.data<T>()[element]);
      });
  Shape index = tensor.shape();
  for (std::size_t axis = index.rank(); axis-- > 0;) {
    index[axis] = element % tensor.shape()[axis];
    element /= tensor.shape()[axis];
  }
  return detail::text(std::isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf", " at ", index);
}

}  // namespace

DetectNonFinite::DetectNonFinite() : before_(std::exchange(watching_results, true)) {}
DetectNonFinite::~DetectNonFinite() { watching_results = before_; }

namespace detail {

bool watching() { return watching_results; }

void expect_finite_result(const char* operation, const Tensor& result,
                          std::span<const Tensor* const> inputs) {
  const std::optional<std::int64_t> element = first_non_finite(result);
  if (!element) return;
  std::string shapes;
  for (const Tensor* input : inputs) {
    if (first_non_finite(*input)) return;  // not the first
    if (input->defined()) append(shapes, text(shapes.empty() ? "" : ", ", input->shape()));
  }
  fail(operation, ": the forward pass gave ", place(result, *element), " of its result ",
       result.shape(), " from finite inputs (", shapes, ")");
}

WatchBackward::WatchBackward() : watched_(std::exchange(watching_results, false)) {}
WatchBackward::~WatchBackward() { watching_results = watched_; }

void WatchBackward::expect_finite(const char* operation, const Tensor& incoming,
                                  std::span<const Tensor> gradients) const {
  if (!watched_ || first_non_finite(incoming)) return;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (const auto element = first_non_finite(gradients[i])) {
      fail(operation, ": the backward pass gave ", place(gradients[i], *element),
           " of the gradient of input ", i, " ", gradients[i].shape(),
           " from a finite gradient of its result ", incoming.shape());
    }
  }
}

}  // namespace detail

namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    result += character;
  }
  return result + "\"";
}

}  // namespace

std::string to_dot(const Tensor& result, const Variables& names) {
  if (!result.requires_grad()) {
    detail::fail("to_dot: the tensor of shape ", result.shape(), " was not recorded");
  }
  std::unordered_map<const Node*, std::string> leaf_names;
  for (const Variable& each : names) {
    if (each.tensor.requires_grad()) leaf_names.emplace(each.tensor.node().get(), each.name);
  }
  std::unordered_map<const Node*, std::size_t> numbers;  // looked up only: its order is arbitrary
  std::vector<const Node*> waiting;
  std::vector<const Node*> nodes;
  const auto number_of = [&](const Node* node) {
    const auto [found, is_new] = numbers.emplace(node, nodes.size());
    if (is_new) {
      nodes.push_back(node);
      waiting.push_back(node);
    }
    return found->second;
  };
  number_of(result.node().get());
  std::string lines;
  while (!waiting.empty()) {
    const Node* const node = waiting.back();
    waiting.pop_back();
    const std::size_t number = number_of(node);
    const auto name = leaf_names.find(node);
    const std::string title = name != leaf_names.end() ? name->second : node->name();
    detail::append(lines,
                   detail::text("  n", number, " [label=",
                                quoted(detail::text(title, " ", node->shape(), " ", node->dtype())),
                                node->is_leaf() ? ", shape=box];\n" : "];\n"));
    for (const Node::Input& input : node->inputs()) {
      if (!input.node) continue;
      detail::append(lines,
                     detail::text("  n", number_of(input.node.get()), " -> n", number, ";\n"));
    }
  }
  return "digraph mnemo {\n" + lines + "}\n";
}

}  // namespace mnemo
