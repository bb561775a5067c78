#include "mnemo/nn/shape_layers.hpp"

#include "mnemo/core/detail/text.hpp"

namespace mnemo::nn {

Tensor Reshape::forward(const Tensor& x) {
  if (x.rank() < 1) detail::fail("Reshape: needs [batch, ...], got ", x.shape());
  Shape shape = shape_;
  shape.insert(0, x.size(0));
  return x.reshape(shape);
}

std::string Reshape::describe() const { return detail::text("Reshape", shape_); }

Tensor Flatten::forward(const Tensor& x) {
  if (x.rank() < 1) detail::fail("Flatten: needs [batch, ...], got ", x.shape());
  std::int64_t elements = 1;
  for (std::size_t axis = 1; axis < x.rank(); ++axis) elements *= x.shape()[axis];
  return x.reshape({x.size(0), elements});
}

}  // namespace mnemo::nn
