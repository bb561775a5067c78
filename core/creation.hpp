#pragma once
#include <cstdint>
#include <type_traits>

#include "mnemo/core/tensor.hpp"

/// Tensors made from a rule rather than from other tensors (zeros, ones, full: see tensor.hpp).
namespace mnemo {

namespace detail {
Tensor arange_real(double start, double stop, double step, DType dtype);
Tensor arange_whole(std::int64_t start, std::int64_t stop, std::int64_t step, DType dtype);
}  // namespace detail

///@{
/// start, start + step, ... below `stop` (above it where the step is negative), as numpy.arange:
/// int64 where all three are integers, float32 otherwise, or the dtype given. Throws Error for a
/// step of 0, and where a value does not fit into the dtype.
template <class Start, class Stop, class Step = int>
Tensor arange(Start start, Stop stop, Step step = 1) {
  if constexpr (std::is_integral_v<Start> && std::is_integral_v<Stop> && std::is_integral_v<Step>) {
    return detail::arange_whole(start, stop, step, DType::int64);
  } else {
    return detail::arange_real(start, stop, step, DType::float32);
  }
}
template <class Start, class Stop, class Step>
Tensor arange(Start start, Stop stop, Step step, DType dtype) {
  if constexpr (std::is_integral_v<Start> && std::is_integral_v<Stop> && std::is_integral_v<Step>) {
    return detail::arange_whole(start, stop, step, dtype);
  } else {
    return detail::arange_real(start, stop, step, dtype);
  }
}
template <class Stop>
Tensor arange(Stop stop) {
  return arange(0, stop, 1);
}
///@}

/// `count` values evenly from `start` to `stop`, both included.
Tensor linspace(double start, double stop, std::int64_t count, DType dtype = DType::float32);

/// Ones on the diagonal, zeros elsewhere: [rows, columns], or [rows, rows] where columns is -1.
Tensor eye(std::int64_t rows, std::int64_t columns = -1, DType dtype = DType::float32);

///@{
/// The last two axes of x with zeros above (tril) or below (triu) the diagonal that lies `diagonal`
/// places to the right of the main one. Any dtype; differentiable.
Tensor tril(const Tensor& x, std::int64_t diagonal = 0);
Tensor triu(const Tensor& x, std::int64_t diagonal = 0);
///@}

}  // namespace mnemo
