#include "mnemo/nn/sequential.hpp"

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/text.hpp"

namespace mnemo::nn {

Tensor Residual::forward(const Tensor& x) {
  const Tensor y = at("body")(x);
  const Tensor skipped = children().size() > 1 ? at("shortcut")(x) : x;
  if (!(y.shape() == skipped.shape())) {
    detail::fail("Residual: the body gives ", y.shape(), ", the shortcut ", skipped.shape());
  }
  return skipped + y;
}

}  // namespace mnemo::nn
