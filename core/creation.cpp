#include "mnemo/core/creation.hpp"

#include <cmath>
#include <utility>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"

namespace mnemo {
namespace {

template <class Value>
Tensor filled(std::int64_t count, DType dtype, DType made_in, const Value& value) {
  Tensor result({count}, made_in);
  detail::with_any_type(made_in, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
      const auto out = result.mutable_span<T>();
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(value(i));
    }
  });
  return dtype == made_in ? result : cast(result, dtype);
}

// Whether row i, column j of the last two axes is kept, for each.
Tensor triangle(const char* name, const Tensor& x, std::int64_t diagonal, bool lower) {
  if (x.rank(name) < 2) detail::fail(name, ": takes a matrix or more axes, got ", x.shape());
  const std::int64_t rows = x.size(-2);
  const std::int64_t columns = x.size(-1);
  Tensor mask({rows, columns}, DType::boolean);
  bool* const out = mask.mutable_data<bool>();
  // Beyond the corners nothing changes, and nothing overflows.
  diagonal = std::max(-rows, std::min(columns, diagonal));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      out[i * columns + j] = lower ? j - i <= diagonal : j - i >= diagonal;
    }
  }
  return where(mask, x, 0.0);
}

}  // namespace

namespace detail {

Tensor arange_real(double start, double stop, double step, DType dtype) {
  const double count = std::ceil((stop - start) / step);
  if (step == 0.0 || !std::isfinite(count) || count > 1e15) {
    fail("arange: from ", start, " to ", stop, " in steps of ", step, " is no finite range");
  }
  return filled(count > 0.0 ? static_cast<std::int64_t>(count) : 0, dtype, DType::float64,
                [&](std::size_t i) { return start + static_cast<double>(i) * step; });
}

Tensor arange_whole(std::int64_t start, std::int64_t stop, std::int64_t step, DType dtype) {
  if (step == 0) fail("arange: from ", start, " to ", stop, " in steps of 0");
  // In unsigned arithmetic, where the distance of any two integers fits.
  using Unsigned = std::uint64_t;
  const bool forward = step > 0;
  const bool any = forward ? start < stop : start > stop;
  const Unsigned span = forward ? static_cast<Unsigned>(stop) - static_cast<Unsigned>(start)
                                : static_cast<Unsigned>(start) - static_cast<Unsigned>(stop);
  const Unsigned stride = forward ? static_cast<Unsigned>(step) : ~static_cast<Unsigned>(step) + 1;
  const Unsigned count = any ? (span - 1) / stride + 1 : 0;
  if (!std::in_range<std::int64_t>(count)) {
    fail("arange: from ", start, " to ", stop, " are more elements than memory can hold");
  }
  return filled(static_cast<std::int64_t>(count), dtype, DType::int64, [&](std::size_t i) {
    return static_cast<std::int64_t>(static_cast<Unsigned>(start) +
                                     static_cast<Unsigned>(i) * static_cast<Unsigned>(step));
  });
}

}  // namespace detail

Tensor linspace(double start, double stop, std::int64_t count, DType dtype) {
  if (count < 0) detail::fail("linspace: ", count, " values; the count must not be negative");
  const double steps = count > 1 ? static_cast<double>(count - 1) : 1.0;
  const auto last = static_cast<std::size_t>(count) - 1;
  return filled(count, dtype, DType::float64, [&](std::size_t i) {
    return i == last && i > 0 ? stop : start + (stop - start) * (static_cast<double>(i) / steps);
  });
}

Tensor eye(std::int64_t rows, std::int64_t columns, DType dtype) {
  const Shape shape{rows, columns == -1 ? rows : columns};
  const Tensor result = detail::within("eye", [&] { return zeros(shape, dtype); });
  const std::int64_t width = result.size(1);
  return detail::with_number("eye", dtype, [&]<class T>(std::type_identity<T>) {
    T* const out = result.mutable_data<T>();
    for (std::int64_t i = 0; i < std::min(rows, width); ++i) out[i * width + i] = T(1);
    return result;
  });
}

Tensor tril(const Tensor& x, std::int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Tensor triu(const Tensor& x, std::int64_t diagonal) { return triangle("triu", x, diagonal, false); }

}  // namespace mnemo
