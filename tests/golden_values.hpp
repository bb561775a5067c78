#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "from_ctest.hpp"
#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"
#include "mnemo/io/checkpoint.hpp"

namespace golden {

using mnemo::DType;
using mnemo::Tensor;
using mnemo::Variables;

/// tests/golden/<name>.npz: written by independent programs, see generate.py and record_dcgan.py.
inline Variables read(const std::string& name) {
  return mnemo::io::read(from_ctest("MNEMO_TESTS_DIR") + "/golden/" + name + ".npz");
}

/// What the file holds as `prefix/name`, in `dtype`.
inline Tensor get(const Variables& file, const std::string& name, DType dtype) {
  return mnemo::cast(file.at(name), dtype);
}

/// Entry `index` along the first axis of a recorded series, in float64.
inline Tensor entry(const Tensor& series, std::int64_t index) {
  mnemo::Shape shape = series.shape();
  shape.erase(0);
  const Tensor doubles = mnemo::cast(series, DType::float64);
  const std::int64_t count = shape.elements();
  return mnemo::from_values(doubles.span<double>().subspan(static_cast<std::size_t>(index * count),
                                                           static_cast<std::size_t>(count)),
                            shape);
}

/// The largest magnitude in `tensor`.
inline double scale(const Tensor& tensor) {
  double largest = 0.0;
  const Tensor doubles = mnemo::cast(tensor, DType::float64);
  for (double value : doubles.span<double>()) largest = std::max(largest, std::abs(value));
  return largest;
}

/// Checks that shapes agree and that no element is further from `expected` than `tolerance` times
/// `size`, by default the largest magnitude that is expected. NaN is further from everything.
inline void expect_close(const std::string& what, const Tensor& actual, const Tensor& expected,
                         double tolerance, double size = -1.0) {
  INFO(what);
  REQUIRE(actual.shape() == expected.shape());
  const double allowed = tolerance * (size < 0.0 ? scale(expected) : size);
  const Tensor a = mnemo::cast(actual, DType::float64), e = mnemo::cast(expected, DType::float64);
  double worst = 0.0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double distance = std::abs(a.data<double>()[i] - e.data<double>()[i]);
    if (!(distance <= worst)) worst = distance;
  }
  CAPTURE(worst);
  CAPTURE(allowed);
  CHECK(worst <= allowed);
}

inline double tolerance(DType dtype, double for_float64, double for_float32) {
  return dtype == DType::float64 ? for_float64 : for_float32;
}

}  // namespace golden
