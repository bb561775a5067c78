#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace mnemo::detail {

/// A linear map along one axis: result[j] = sum of weight[k] x[source[k]] for k in
/// [begin[j], begin[j + 1]). What pooling by averages and re-sampling consist of.
struct AxisMap {
  std::int64_t in = 0;
  std::vector<std::int64_t> begin = {0};
  std::vector<std::int64_t> source = {};
  std::vector<double> weight = {};

  std::int64_t out() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  void add(std::int64_t from, double by) {
    source.push_back(from);
    weight.push_back(by);
  }
  /// Ends the list of the present result element.
  void next() { begin.push_back(static_cast<std::int64_t>(source.size())); }
};

/// x with `map` applied along an axis, whose length must be `map.in`. Closed under differentiation:
/// its adjoint is the transposed map.
Tensor apply_axis_map(const char* name, const Tensor& x, std::size_t axis,
                      const std::shared_ptr<const AxisMap>& map);

/// Both image axes of x [batch, channels, height, width], each with its own map.
Tensor apply_image_maps(const char* name, const Tensor& x, AxisMap height, AxisMap width);

/// Throws Error unless x is [batch, channels, height, width].
void expect_image(const char* name, const Tensor& x);

}  // namespace mnemo::detail
