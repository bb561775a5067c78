#include "mnemo/core/training_state.hpp"

#include <ostream>

#include "mnemo/core/detail/text.hpp"

namespace mnemo {

TrainingState::TrainingState(std::initializer_list<Part> parts) {
  for (const Part& part : parts) add(part);
}

void TrainingState::add(const Part& part) {
  TrainingState all = *this;  // so that nothing is added where one of them fails
  for (const auto& [name, tensor] : part.variables) all.add(part.name + "/" + name, tensor);
  *this = std::move(all);
}

void TrainingState::add(std::string name, const Tensor& tensor) {
  if (tensor.defined()) expect_new(name, tensor);
  variables_.add(std::move(name), tensor);
}

void TrainingState::expect_new(const std::string& name, const Tensor& tensor) const {
  for (const Variable& other : variables_) {
    if (!other.tensor.shares_storage_with(tensor)) continue;
    if (other.name == name) return;  // that there are two of one name, Variables says
    detail::fail("TrainingState: '", other.name, "' and '", name, "' are the same tensor");
  }
}

Tensor TrainingState::counter(std::string name, std::int64_t initial) {
  Tensor tensor = from_values(std::vector<std::int64_t>{initial}, {});
  add(std::move(name), tensor);
  return tensor;
}

std::ostream& operator<<(std::ostream& out, const TrainingState& state) {
  return out << state.variables();
}

}  // namespace mnemo
