#pragma once
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "mnemo/core/tensor.hpp"

/// Operations that move elements without changing them, for tensors of any dtype; differentiable
/// for float32 and float64. Axes count from the end where negative. Each gives a new tensor, except
/// those that only rename the shape (flatten, squeeze, unsqueeze; broadcast_to, expand, tile and
/// repeat where nothing is to be repeated), which share the elements as reshape does. All throw
/// Error, naming shapes and axes, for what does not fit.
namespace mnemo {

/// The axes in a new order: axis i of the result is axis `order[i]` of x. Each exactly once.
Tensor permute(const Tensor& x, const std::vector<std::int64_t>& order);
/// Two axes exchanged.
Tensor transpose(const Tensor& x, std::int64_t first = -2, std::int64_t second = -1);

/// The axes from `first` to `last`, both included, merged into one (rank 0 gives one axis).
Tensor flatten(const Tensor& x, std::int64_t first = 0, std::int64_t last = -1);
/// Without the given axes, each of which must have length 1; without all such where none is given.
Tensor squeeze(const Tensor& x, const std::vector<std::int64_t>& axes = {});
/// With a new axis of length 1, which will be axis `axis` of the result.
Tensor unsqueeze(const Tensor& x, std::int64_t axis);

/// `x` repeated along new axes and axes of length 1 to fill `shape`.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
/// The same; -1 keeps the length of an axis.
Tensor expand(const Tensor& x, const Shape& shape);

/// The open end of a slice, in the direction of its step.
inline constexpr std::int64_t to_end = std::numeric_limits<std::int64_t>::max();

/// What to take of one axis, as Python's start:stop:step does: negative positions count from the
/// end, those beyond an end mean the end. With a negative step the axis is walked backwards;
/// `start` = to_end is then the last element and `stop` = to_end is before the first.
struct Slice {
  std::int64_t axis = 0;       ///< negative: from the end
  std::int64_t start = 0;      ///< the first position that is taken
  std::int64_t stop = to_end;  ///< the first that is not
  std::int64_t step = 1;       ///< not 0
};
///@{
/// The elements at the chosen positions of some axes, the other axes whole; positions beyond the ends
/// give fewer elements, as in Python. Throws Error for a step of 0 or an axis named twice.
Tensor slice(const Tensor& x, const std::vector<Slice>& slices);
Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t stop = to_end,
             std::int64_t step = 1);
///@}

/// Joined along an existing axis; the other lengths must agree.
Tensor concat(const std::vector<Tensor>& tensors, std::int64_t axis = 0);
/// Joined along a new axis; all shapes must agree.
Tensor stack(const std::vector<Tensor>& tensors, std::int64_t axis = 0);
/// Pieces of `size` along an axis; the last may be shorter.
std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t axis = 0);
/// Pieces of the given sizes, which must add up to the length of the axis.
std::vector<Tensor> split(const Tensor& x, const std::vector<std::int64_t>& sizes,
                          std::int64_t axis = 0);
/// At most `count` pieces of equal size, the last shorter, as PyTorch's chunk.
std::vector<Tensor> chunk(const Tensor& x, std::int64_t count, std::int64_t axis = 0);

/// The order along the axes reversed (all axes where none is given).
Tensor flip(const Tensor& x, const std::vector<std::int64_t>& axes = {});
/// Elements moved by `shifts[i]` along `axes[i]`; those pushed out come in again at the other end.
Tensor roll(const Tensor& x, const std::vector<std::int64_t>& shifts,
            const std::vector<std::int64_t>& axes);
/// The whole repeated `counts[i]` times along axis i, as numpy.tile (and PyTorch's `repeat`): fewer
/// counts than axes belong to the last ones, more add axes in front.
Tensor tile(const Tensor& x, const std::vector<std::int64_t>& counts);
/// Each element repeated `count` times along an axis, as numpy.repeat (PyTorch's
/// `repeat_interleave`).
Tensor repeat(const Tensor& x, std::int64_t count, std::int64_t axis);

/// What `pad` puts around the elements.
enum class PadMode {
  constant,   ///< `value` all around; negative widths take elements off
  reflect,    ///< mirrored at the first and last element, which are not repeated
  replicate,  ///< the first and last element repeated (numpy.pad's "edge")
};
/// Grown by `widths[i]` = {before, after} along axis i, for all axes, as numpy.pad. Throws Error
/// where a reflection would need more elements than there are.
Tensor pad(const Tensor& x, const std::vector<std::pair<std::int64_t, std::int64_t>>& widths,
           PadMode mode = PadMode::constant, double value = 0.0);

/// [n, c r², h, w] to [n, c, h r, w r]: channels become blocks of r x r pixels (Shi et al. 2016).
Tensor pixel_shuffle(const Tensor& x, std::int64_t factor);
/// The inverse of pixel_shuffle.
Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor);

}  // namespace mnemo
