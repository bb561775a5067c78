#include "mnemo/nn/module.hpp"

#include <algorithm>
#include <array>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"

namespace mnemo::nn {
namespace {

// While a summary runs the model: what each module gave last.
struct Trace {
  std::vector<std::pair<const Module*, Shape>> outputs;
};
thread_local Trace* active_trace = nullptr;

std::string joined(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "/" + name;
}

struct Row {
  std::string path, what, output, parameters;
};

std::string table(const std::vector<Row>& rows, bool with_outputs) {
  std::array<std::size_t, 4> width{};
  for (const Row& row : rows) {
    width[0] = std::max(width[0], row.path.size());
    width[1] = std::max(width[1], row.what.size());
    width[2] = std::max(width[2], row.output.size());
    width[3] = std::max(width[3], row.parameters.size());
  }
  const auto spaces = [](std::size_t count) { return std::string(count, ' '); };
  std::string text;
  for (const Row& row : rows) {
    text += row.path + spaces(width[0] - row.path.size() + 2);
    text += row.what + spaces(width[1] - row.what.size() + 2);
    if (with_outputs) text += row.output + spaces(width[2] - row.output.size() + 2);
    text += spaces(width[3] - row.parameters.size()) + row.parameters + "\n";
  }
  return text;
}

}  // namespace

Tensor Module::forward(const Tensor&) {
  detail::fail(describe(), ": has no forward() that takes one tensor");
}

Tensor Module::operator()(const Tensor& x) {
  Tensor y = forward(x);
  if (active_trace) active_trace->outputs.emplace_back(this, y.shape());
  return y;
}

Variables Module::parameters() const {
  Variables result;
  collect(Which::parameters, "", result);
  return result;
}

Variables Module::buffers() const {
  Variables result;
  collect(Which::buffers, "", result);
  return result;
}

Variables Module::variables() const {
  Variables result;
  collect(Which::both, "", result);
  return result;
}

void Module::collect(Which which, const std::string& prefix, Variables& into) const {
  const auto add = [&](const std::vector<Variable>& own) {
    for (const Variable& variable : own) into.add(joined(prefix, variable.name), variable.tensor);
  };
  if (which != Which::buffers) add(parameters_);
  if (which != Which::parameters) add(buffers_);
  for (const Child& child : children_) {
    child.module->collect(which, joined(prefix, child.name), into);
  }
}

void Module::train(bool on) {
  training_ = on;
  for (const Child& child : children_) child.module->train(on);
}

Module& Module::at(std::string_view path) const {
  const std::string_view first = path.substr(0, path.find('/'));
  for (const Child& child : children_) {
    if (child.name != first) continue;
    return first.size() == path.size() ? *child.module : child.module->at(path.substr(first.size() + 1));
  }
  detail::fail(describe(), ": has no child '", first, "'");
}

void Module::expect_new_name(std::string_view name) const {
  if (name.find('/') != std::string_view::npos) {
    detail::fail(describe(), ": the name '", name, "' of a parameter, buffer or child has a '/'");
  }
  const auto taken = [&](const auto& entry) { return entry.name == name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), taken) ||
      std::any_of(buffers_.begin(), buffers_.end(), taken) ||
      std::any_of(children_.begin(), children_.end(), taken)) {
    detail::fail(describe(), ": the name '", name, "' is used twice");
  }
  const std::string reason = why_not_a_name(name);
  if (!reason.empty()) detail::fail(describe(), ": the name '", name, "' ", reason);
}

Tensor Module::parameter(std::string name, Tensor tensor) {
  expect_new_name(name);
  tensor.set_requires_grad();
  parameters_.push_back({std::move(name), tensor});
  return tensor;
}

Tensor Module::buffer(std::string name, Tensor tensor) {
  expect_new_name(name);
  buffers_.push_back({std::move(name), tensor});
  return tensor;
}

Module& Module::adopt(std::string name, std::shared_ptr<Module> module) {
  expect_new_name(name);
  children_.push_back({std::move(name), std::move(module)});
  return *children_.back().module;
}

template <class Visit>
void Module::visit(const std::string& path, const Visit& visitor) const {
  visitor(path, *this);
  for (const Child& child : children_) child.module->visit(joined(path, child.name), visitor);
}

std::string Module::summary() const {
  std::vector<Row> rows{{"path", "module", "output", "parameters"}};
  visit("", [&](const std::string& path, const Module& module) {
    std::int64_t own = 0;
    for (const Variable& variable : module.parameters_) own += variable.tensor.elements();
    std::string output;
    if (active_trace) {
      for (const auto& [which, shape] : active_trace->outputs) {
        if (which == &module) output = to_string(shape);
      }
    }
    rows.push_back({path.empty() ? "." : path, module.describe(), output, detail::text(own)});
  });
  const Variables trained = parameters();
  const Variables kept = buffers();
  rows.push_back({"total", detail::text(trained.size(), " parameter tensors, ", kept.size(),
                                        " buffers of ", kept.elements(), " elements"),
                  "", detail::text(trained.elements())});
  return table(rows, active_trace != nullptr);
}

std::string Module::summary(const Shape& input, DType dtype) {
  // Put back what running the model for the table changes, also where it throws.
  struct Restore {
    std::vector<std::pair<Module*, bool>> modes;
    Trace* outer;
    ~Restore() {
      for (const auto& [module, mode] : modes) module->training_ = mode;
      active_trace = outer;
    }
  } restore{{}, active_trace};
  visit("", [&](const std::string&, const Module& module) {
    restore.modes.emplace_back(const_cast<Module*>(&module), module.training_);
  });
  Trace trace;
  active_trace = &trace;
  eval();
  const NoGrad no_grad;
  (*this)(zeros(input, dtype));
  return summary();
}

}  // namespace mnemo::nn
