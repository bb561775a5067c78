#pragma once
#include <vector>
#include <xtensor/xadapt.hpp>
#include <xtensor/xexpression.hpp>
#include <xtensor/xnoalias.hpp>

#include "mnemo/core/tensor.hpp"

/// Between tensors and xtensor, both ways. Opt-in, because it takes seconds to compile: mnemo.hpp does
/// not include it, and it needs xtensor's headers installed.
namespace mnemo {

/// The elements as an xtensor container, without a copy and to be written: see mutable_data() for
/// what a write means. Valid while the tensor lives. Throws Error if T is not the C++ type of its
/// dtype.
template <class T>
auto as_xtensor(const Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.mutable_data<T>(), static_cast<std::size_t>(tensor.elements()),
                   xt::no_ownership(), shape);
}

/// The same, to be read only.
template <class T>
auto as_const_xtensor(const Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.data<T>(), static_cast<std::size_t>(tensor.elements()),
                   xt::no_ownership(), shape);
}

/// A new tensor with the values of an xtensor expression or container; its dtype is that of the
/// expression's values.
template <class E>
Tensor from_xtensor(const xt::xexpression<E>& expression) {
  using Value = typename E::value_type;
  const E& values = expression.derived_cast();
  std::vector<std::int64_t> lengths(values.shape().begin(), values.shape().end());
  Tensor tensor(Shape(lengths), dtype_of<Value>);
  auto target = as_xtensor<Value>(tensor);
  xt::noalias(target) = values;
  return tensor;
}

}  // namespace mnemo
