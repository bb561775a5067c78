#pragma once
#include <cstdint>

namespace mnemo::detail {

/// result[o, i] = scale * sum over r of x[o, r, i], for row-major x [outer, reduced, inner]. Blocks
/// follow from the sizes alone; within a block float lanes are added over a few dozen elements, the
/// rest in double. In and Out are float or double.
template <class In, class Out>
void sum_middle(const In* x, std::int64_t outer, std::int64_t reduced, std::int64_t inner,
                double scale, Out* result);

}  // namespace mnemo::detail
