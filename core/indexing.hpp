#pragma once
#include <cstdint>

#include "mnemo/core/tensor.hpp"

/// Taking and adding elements by positions that are data. An index is a tensor of any integer
/// dtype; negative positions count from the end. Values of any dtype are taken; differentiable for
/// float32 and float64. All throw Error for a position out of range, naming it.
namespace mnemo {

/// The slices of x at the positions `index` (rank 1; rank 0 counts as one position) along an axis:
/// the result has that axis as long as the index.
Tensor index_select(const Tensor& x, std::int64_t axis, const Tensor& index);

/// numpy.take: as index_select for an index of any shape, which takes the place of the axis. With
/// axis 0 and a matrix of rows it is an embedding.
Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis = 0);

/// A copy of x with the slices of `source` added at the positions `index` along an axis; positions
/// that occur more than once add up, in their order. float32 and float64.
Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source);

/// PyTorch's gather: result[..., i, ...] = x[..., index[..., i, ...], ...] along an axis. The index
/// has the rank of x and along the other axes at most its lengths; the result has the index's
/// shape.
Tensor gather(const Tensor& x, std::int64_t axis, const Tensor& index);

/// numpy.take_along_axis: gather where the other axes of x and index broadcast.
Tensor take_along_axis(const Tensor& x, const Tensor& index, std::int64_t axis);

/// A copy of x where source[..., i, ...] is added at [..., index[..., i, ...], ...] along an axis:
/// the adjoint of gather. `source` has the index's shape; positions that occur more than once add
/// up, in their order. float32 and float64.
Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source);

/// 1 where the last index equals the label, 0 elsewhere: labels [...] of an integer dtype give
/// [..., classes] of `dtype`. Throws Error for a label outside [0, classes).
Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype = DType::float32);

}  // namespace mnemo
