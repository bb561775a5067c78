#include "mnemo/core/shape.hpp"

#include <algorithm>

#include "mnemo/core/detail/text.hpp"

namespace mnemo {

void Shape::push_back(std::int64_t length) { insert(rank_, length); }

void Shape::insert(std::size_t axis, std::int64_t length) {
  Shape longer(rank_ + 1, length);
  std::copy(begin(), begin() + axis, longer.begin());
  std::copy(begin() + axis, end(), longer.begin() + axis + 1);
  *this = std::move(longer);
}

void Shape::erase(std::size_t axis) {
  Shape shorter(rank_ - 1, 0);
  std::copy(begin(), begin() + axis, shorter.begin());
  std::copy(begin() + axis + 1, end(), shorter.begin() + axis);
  *this = std::move(shorter);
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    detail::append(text, shape[axis]);
  }
  return text + "]";
}

Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t axis = 0; axis < shorter.rank(); ++axis) {
    const std::int64_t length = shorter[axis];
    std::int64_t& out = result[axis + offset];
    if (out == length || length == 1) continue;
    if (out != 1) {
      detail::fail(operation, ": shapes ", a, " and ", b,
                   " do not broadcast: aligned at the last axis, lengths must be equal or one of "
                   "them 1");
    }
    out = length;
  }
  return result;
}

std::size_t normalize_axis(const char* operation, std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) {
    detail::fail(operation, ": axis ", axis, " is out of range for a tensor of rank ", rank);
  }
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

}  // namespace mnemo
