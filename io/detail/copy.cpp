#include "mnemo/io/detail/copy.hpp"

#include <algorithm>
#include <cstring>

#include "mnemo/core/detail/parallel.hpp"

namespace mnemo::detail {
namespace {

bool fits(const Variable& a, const Variable& b) {
  return a.name == b.name && a.tensor.dtype() == b.tensor.dtype() &&
         a.tensor.shape() == b.tensor.shape();
}

}  // namespace

void copy_elements(const Tensor& from, const Tensor& to) {
  constexpr std::int64_t grain = 1 << 20;
  auto* const target = static_cast<std::byte*>(to.mutable_raw());
  const auto* const source = static_cast<const std::byte*>(from.raw());
  parallel_range(
      static_cast<std::int64_t>(to.bytes()), grain, [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(target + begin, source + begin, static_cast<std::size_t>(end - begin));
      });
}

void copy_variables(const Variables& variables, Variables& copy) {
  if (!std::equal(variables.begin(), variables.end(), copy.begin(), copy.end(), fits)) {
    copy = Variables();
    for (const auto& [name, tensor] : variables)
      copy.add(name, empty(tensor.shape(), tensor.dtype()));
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    copy_elements(variables[i].tensor, copy[i].tensor);
  }
}

}  // namespace mnemo::detail
