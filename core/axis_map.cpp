#include "mnemo/core/detail/axis_map.hpp"

#include <algorithm>

#include "mnemo/core/detail/axes.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"

namespace mnemo::detail {
namespace {

std::shared_ptr<const AxisMap> transposed(const AxisMap& map) {
  std::vector<std::vector<std::pair<std::int64_t, double>>> lists(static_cast<std::size_t>(map.in));
  for (std::int64_t j = 0; j < map.out(); ++j) {
    for (auto k = static_cast<std::size_t>(map.begin[static_cast<std::size_t>(j)]);
         k < static_cast<std::size_t>(map.begin[static_cast<std::size_t>(j) + 1]); ++k) {
      lists[static_cast<std::size_t>(map.source[k])].emplace_back(j, map.weight[k]);
    }
  }
  AxisMap result{.in = map.out()};
  for (const auto& list : lists) {
    for (const auto& [from, by] : list) result.add(from, by);
    result.next();
  }
  return std::make_shared<const AxisMap>(std::move(result));
}

// Along the last axis.
template <class T>
void combine_elements(const T* x, const AxisMap& map, T* result) {
  const std::int64_t out = map.out();
  const std::int64_t* const source = map.source.data();
  const double* const weight = map.weight.data();
  for (std::int64_t j = 0, k = 0; j < out; ++j) {
    const std::int64_t end = map.begin[static_cast<std::size_t>(j) + 1];
    double sum = 0.0;
    for (; k < end; ++k) sum += weight[k] * static_cast<double>(x[source[k]]);
    result[j] = static_cast<T>(sum);
  }
}

// Along another axis: rows of `inner` numbers.
template <class T>
void combine_rows(const T* x, const AxisMap& map, std::int64_t inner, T* result) {
  for (std::size_t j = 0; j < static_cast<std::size_t>(map.out()); ++j, result += inner) {
    std::fill_n(result, inner, T(0));
    for (auto k = static_cast<std::size_t>(map.begin[j]);
         k < static_cast<std::size_t>(map.begin[j + 1]); ++k) {
      const T* const row = x + map.source[k] * inner;
      const T weight = static_cast<T>(map.weight[k]);
      for (std::int64_t i = 0; i < inner; ++i) result[i] += weight * row[i];
    }
  }
}

}  // namespace

Tensor apply_axis_map(const char* name, const Tensor& x, std::size_t axis,
                      const std::shared_ptr<const AxisMap>& map) {
  Tensor result(with_length(x.shape(), axis, map->out()), x.dtype());
  with_float_type(name, x.dtype(), [&]<class T>(std::type_identity<T>) {
    const auto [outer, length, inner] = around_axis(x.shape(), axis);
    const std::int64_t out = map->out();
    const T* const from = x.data<T>();
    T* const to = result.mutable_data<T>();
    const std::int64_t work = std::max<std::int64_t>(1, std::max(length, out) * inner);
    parallel_range(outer, std::max<std::int64_t>(1, 16384 / work),
                   [&, inner_length = inner, in = length](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t o = begin; o < end; ++o) {
                       const T* const source = from + o * in * inner_length;
                       T* const target = to + o * out * inner_length;
                       inner_length == 1 ? combine_elements(source, *map, target)
                                         : combine_rows(source, *map, inner_length, target);
                     }
                   });
  });
  const auto rule = [name, axis, map](Pullback& back) {
    back.to(0, [&] { return apply_axis_map(name, back.gradient(), axis, transposed(*map)); });
  };
  return record(name, std::move(result), {}, rule, x);
}

Tensor apply_image_maps(const char* name, const Tensor& x, AxisMap height, AxisMap width) {
  const auto shared = [](AxisMap& map) { return std::make_shared<const AxisMap>(std::move(map)); };
  return apply_axis_map(name, apply_axis_map(name, x, 2, shared(height)), 3, shared(width));
}

void expect_image(const char* name, const Tensor& x) {
  if (x.rank(name) != 4) fail(name, ": takes [batch, channels, height, width], got ", x.shape());
}

}  // namespace mnemo::detail
