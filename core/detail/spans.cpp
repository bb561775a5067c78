#include "mnemo/core/detail/spans.hpp"

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {

void throw_too_many_axes(const char* operation, const Shape& shape) {
  fail(operation, ": the broadcast to ", shape,
       " alternates between repeated and own axes more than "
       "eight times; reshape the tensors first");
}

}  // namespace mnemo::detail
