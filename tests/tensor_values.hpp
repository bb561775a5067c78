#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "mnemo/core/creation.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/core/tensor.hpp"

/// What the tests of operations share.

using List = std::vector<double>;

/// The elements in row-major order.
inline List values(const mnemo::Tensor& x) {
  const mnemo::Tensor wide = mnemo::cast(x, mnemo::DType::float64);
  const auto elements = wide.span<double>();
  return {elements.begin(), elements.end()};
}

/// 0, 1, 2, ... in a shape.
inline mnemo::Tensor counted(const mnemo::Shape& shape,
                             mnemo::DType dtype = mnemo::DType::float32) {
  return mnemo::cast(mnemo::arange(shape.elements()), dtype).reshape(shape);
}

inline mnemo::Tensor doubles(const List& list, const mnemo::Shape& shape) {
  return mnemo::from_values(list, shape);
}

/// The largest |a - b|; NaN at the same place counts as equal, and infinities that are equal.
inline double distance(const List& a, const List& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double apart = std::abs(a[i] - b[i]);
    worst = std::isnan(apart) ? INFINITY : std::max(worst, apart);
  }
  return worst;
}

/// The message of the Error that `call` throws, or "" if it throws none.
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const mnemo::Error& error) {
    return error.what();
  }
  return "";
}
