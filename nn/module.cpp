#include "mnemo/nn/module.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <typeinfo>
#include <unordered_map>
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"

namespace mnemo::nn {
namespace {

// While a summary runs the model: what each module gave last.
struct Trace {
  std::vector<std::pair<const Module*, Shape>> outputs;
};
thread_local Trace* active_trace = nullptr;

// An Error within a module, told with the path that leads there from the module that was called.
struct ModuleError : Error {
  ModuleError(const Module* where_, std::string path_, std::string text_)
      : Error(path_.empty() ? text_ : path_ + ": " + text_),
        where(where_),
        path(std::move(path_)),
        text(std::move(text_)) {}
  const Module* where;
  std::string path;
  std::string text;
};

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

struct Module::Copies {
  std::unordered_map<const Module*, std::shared_ptr<Module>> modules;
  std::unordered_map<const Storage*, Tensor> tensors;
  static thread_local const Copies* active;  // while the copy constructor of a module runs
};
thread_local const Module::Copies* Module::Copies::active = nullptr;

Tensor Module::counterpart(const Tensor& original) {
  if (!Copies::active || !original.defined()) return original;
  const auto found = Copies::active->tensors.find(original.storage().get());
  return found == Copies::active->tensors.end() ? original : found->second;
}

Module* Module::counterpart(Module* original) {
  if (!Copies::active) return original;
  const auto found = Copies::active->modules.find(original);
  const bool known = found != Copies::active->modules.end() && found->second;
  return known ? found->second.get() : original;
}

Parameter::Parameter(const Parameter& other) : Tensor(Module::counterpart(other)) {}

Tensor Module::forward(const Tensor&) {
  detail::fail(describe(), ": has no forward() that takes one tensor");
}

Tensor Module::operator()(const Tensor& x) try {
  Tensor y = forward(x);
  if (active_trace) active_trace->outputs.emplace_back(this, y.shape());
  return y;
} catch (const ModuleError& error) {
  for (const NamedModule& child : children_) {
    if (child.module.get() != error.where) continue;
    throw ModuleError(this, error.path.empty() ? child.name : child.name + "/" + error.path,
                      error.text);
  }
  throw;
} catch (const Error& error) {
  const std::string name = describe();
  const bool told =
      std::string_view(error.what()).starts_with(name.substr(0, name.find_first_of("([")));
  throw ModuleError(this, "", told ? error.what() : name + ": " + error.what());
}

Variables Module::collected(Which which) const {
  Variables result;
  Seen seen;
  collect(which, "", result, seen);
  return result;
}

Variables Module::parameters() const { return collected(Which::parameters); }
Variables Module::buffers() const { return collected(Which::buffers); }
Variables Module::variables() const { return collected(Which::both); }

Variables Module::trainable() const {
  Variables result;
  for (const auto& [name, tensor] : parameters()) {
    if (tensor.requires_grad()) result.add(name, tensor);
  }
  return result;
}

void Module::collect(Which which, const std::string& prefix, Variables& into, Seen& seen) const {
  const auto add = [&](const std::vector<Variable>& own) {
    for (const auto& [name, tensor] : own) {
      if (seen.insert(&*tensor.storage()).second) into.add(joined(prefix, name), tensor);
    }
  };
  if (which != Which::buffers) add(parameters_);
  if (which != Which::parameters) add(buffers_);
  for (const NamedModule& child : children_) {
    if (!seen.insert(child.module.get()).second) continue;
    child.module->collect(which, joined(prefix, child.name), into, seen);
  }
}

void Module::set_frozen(bool frozen) {
  for (const Variable& parameter : parameters()) parameter.tensor.set_requires_grad(!frozen);
}

std::string Module::describe() const {
  char* const text = abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, nullptr);
  std::string name = text ? text : "Module";
  std::free(text);
  // Without the scopes around it: "(anonymous namespace)::Net" is Net.
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    depth += (c == '<' || c == '(') - (c == '>' || c == ')');
    if (depth == 0 && c == ':') begin = i + 1;
  }
  return name.substr(begin);
}

std::unique_ptr<Module> Module::copied() const {
  const std::string name = describe();
  detail::fail(name, ": cannot be cloned unless it derives from nn::Layer<", name,
               ">; or make a second one and copy_from() this one");
}

std::shared_ptr<Module> Module::clone() const {
  Copies copies;
  for (const auto& [name, tensor] : variables()) {
    Tensor& copy = copies.tensors[tensor.storage().get()] = tensor.clone();
    if (tensor.requires_grad()) copy.set_requires_grad();
  }
  return clone_into(copies);
}

std::vector<std::pair<std::string, long>> Module::handles() const {
  std::vector<std::pair<std::string, long>> counts;
  for (const auto* list : {&parameters_, &buffers_}) {
    for (const auto& [name, tensor] : *list) counts.emplace_back(name, tensor.handles());
  }
  for (const auto& [name, module] : children_) counts.emplace_back(name, module.use_count());
  return counts;
}

std::shared_ptr<Module> Module::clone_into(Copies& copies) const {
  std::shared_ptr<Module>& copy = copies.modules[this];
  if (copy) return copy;
  const auto before = handles();
  for (const NamedModule& child : children_) child.module->clone_into(copies);
  {
    struct Restore {
      const Copies* outer;
      ~Restore() { Copies::active = outer; }
    } restore{std::exchange(Copies::active, &copies)};
    copy = copied();
  }
  for (auto* list : {&copy->parameters_, &copy->buffers_}) {
    for (Variable& own : *list) own.tensor = copies.tensors.at(own.tensor.storage().get());
  }
  for (NamedModule& child : copy->children_) child.module = copies.modules.at(child.module.get());
  const auto after = handles();
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i].second == before[i].second) continue;
    detail::fail(describe(), ": a clone would share '", before[i].first,
                 "'; the member that holds it should be an nn::Parameter, nn::Buffer or nn::Child");
  }
  return copy;
}

void Module::copy_values(const Variables& from, const Variables& to) {
  std::string faults;
  for (const auto& [name, tensor] : to) {
    const Tensor* const source = from.find(name);
    if (!source) {
      faults += detail::text("\n  ", name, ": not in the source");
    } else if (!(source->shape() == tensor.shape()) || source->dtype() != tensor.dtype()) {
      faults += detail::text("\n  ", name, ": ", tensor.shape(), " of ", tensor.dtype(),
                             ", in the source ", source->shape(), " of ", source->dtype());
    }
  }
  for (const Variable& variable : from) {
    if (!to.contains(variable.name)) {
      faults += detail::text("\n  ", variable.name, ": only in the source");
    }
  }
  if (!faults.empty()) detail::fail("copy_values: the tensors do not match:", faults);
  const NoGrad no_grad;
  for (const auto& [name, tensor] : to) tensor.assign(from.at(name));
}

void Module::train(bool on) {
  training_ = on;
  for (const NamedModule& child : children_) child.module->train(on);
}

Module& Module::at(std::string_view path) const {
  const std::string_view first = path.substr(0, path.find('/'));
  for (const NamedModule& child : children_) {
    if (child.name != first) continue;
    return first.size() == path.size() ? *child.module
                                       : child.module->at(path.substr(first.size() + 1));
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

Parameter Module::parameter(std::string name, Tensor tensor) {
  expect_new_name(name);
  tensor.set_requires_grad();
  parameters_.push_back({std::move(name), tensor});
  return tensor;
}

Buffer Module::buffer(std::string name, Tensor tensor) {
  expect_new_name(name);
  buffers_.push_back({std::move(name), tensor});
  return tensor;
}

Module& Module::adopt(std::string name, std::shared_ptr<Module> module) {
  if (!module) detail::fail(describe(), ": the child '", name, "' is a null pointer");
  expect_new_name(name);
  children_.push_back({std::move(name), std::move(module)});
  return *children_.back().module;
}

template <class Visit>
void Module::visit(const std::string& path, Seen& seen, const Visit& visitor) const {
  if (!seen.insert(this).second) return;
  visitor(path, *this);
  for (const NamedModule& child : children_)
    child.module->visit(joined(path, child.name), seen, visitor);
}

std::string Module::summary() const {
  std::vector<Row> rows{{"path", "module", "output", "parameters"}};
  Seen seen;
  visit("", seen, [&](const std::string& path, const Module& module) {
    std::int64_t own_elements = 0;
    for (const Variable& variable : module.parameters_) {
      const bool tied = !seen.insert(&*variable.tensor.storage()).second;
      if (!tied) own_elements += variable.tensor.elements();
    }
    std::string output;
    if (active_trace) {
      for (const auto& [which, shape] : active_trace->outputs) {
        if (which == &module) output = to_string(shape);
      }
    }
    rows.push_back(
        {path.empty() ? "." : path, module.describe(), output, detail::text(own_elements)});
  });
  const Variables trained = parameters();
  const Variables kept = buffers();
  const std::int64_t frozen = trained.elements() - trainable().elements();
  rows.push_back({"total",
                  detail::text(trained.size(), " parameter tensors, ", kept.size(), " buffers of ",
                               kept.elements(), " elements",
                               frozen == 0 ? "" : detail::text(", ", frozen, " frozen")),
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
  Seen seen;
  visit("", seen, [&](const std::string&, const Module& module) {
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
