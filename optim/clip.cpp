#include "mnemo/optim/clip.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/optim/detail/pieces.hpp"

namespace mnemo::optim {
namespace {

using detail::fail;

// Runs body(piece number, piece, type) on all pieces of the tensors, several at once.
template <class Body>
void for_each_piece(const std::vector<detail::Piece>& pieces, const Variables& tensors,
                    const Body& body) {
  detail::parallel_blocks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t block) {
    const auto number = static_cast<std::size_t>(block);
    const DType dtype = tensors[pieces[number].tensor].tensor.dtype();
    detail::with_float_type("clip", dtype, [&]<class T>(std::type_identity<T> type) {
      body(number, pieces[number], type);
    });
  });
}

std::vector<detail::Piece> pieces_of(const Variables& tensors) {
  std::vector<std::int64_t> elements;
  for (const Variable& variable : tensors) elements.push_back(variable.tensor.elements());
  return detail::pieces_of(elements);
}

// In lanes, so that the compiler can add several at once without changing the order.
template <class T>
double sum_of_squares(const T* x, std::int64_t count, double scale) {
  constexpr std::int64_t width = 16;
  std::array<double, width> lanes{};
  std::int64_t i = 0;
  for (; i + width <= count; i += width) {
    for (std::int64_t lane = 0; lane < width; ++lane) {
      const double value = scale * static_cast<double>(x[i + lane]);
      lanes[static_cast<std::size_t>(lane)] += value * value;
    }
  }
  double sum = 0.0;
  for (const double lane : lanes) sum += lane;
  for (; i < count; ++i) {
    const double value = scale * static_cast<double>(x[i]);
    sum += value * value;
  }
  return sum;
}

double sum_of_squares(const Variables& tensors, double scale) {
  const std::vector<detail::Piece> pieces = pieces_of(tensors);
  std::vector<double> sums(pieces.size());
  for_each_piece(
      pieces, tensors,
      [&]<class T>(std::size_t number, const detail::Piece& piece, std::type_identity<T>) {
        const T* const data = tensors[piece.tensor].tensor.template data<T>();
        sums[number] = sum_of_squares(data + piece.begin, piece.end - piece.begin, scale);
      });
  double sum = 0.0;
  for (const double part : sums) sum += part;
  return sum;
}

double largest_magnitude(const Variables& tensors) {
  double largest = 0.0;
  for (const auto& [name, tensor] : tensors) {
    const Tensor values = cast(tensor.detach(), DType::float64);
    for (const double value : values.span<double>()) {
      if (!std::isfinite(value)) fail("clip: gradient '", name, "' holds ", value);
      largest = std::max(largest, std::abs(value));
    }
  }
  return largest;
}

void expect_maximum(const char* operation, double maximum) {
  if (!(maximum > 0.0)) fail(operation, ": the maximum is ", maximum, ", not above 0");
}

// Each element x of each tensor becomes f(x), in new tensors.
template <class Function>
void replace(Variables& tensors, const Function& f) {
  Variables changed;
  for (const auto& [name, tensor] : tensors)
    changed.add(name, Tensor(tensor.shape(), tensor.dtype()));
  std::vector<void*> results;
  for (const Variable& variable : changed) results.push_back(variable.tensor.mutable_raw());
  for_each_piece(pieces_of(tensors), tensors,
                 [&]<class T>(std::size_t, const detail::Piece& piece, std::type_identity<T>) {
                   const T* const x = tensors[piece.tensor].tensor.template data<T>();
                   T* __restrict const y = static_cast<T*>(results[piece.tensor]);
                   for (std::int64_t i = piece.begin; i < piece.end; ++i) y[i] = f(x[i]);
                 });
  tensors = std::move(changed);
}

}  // namespace

double global_norm(const Variables& gradients) {
  const double sum = sum_of_squares(gradients, 1.0);
  // Squares of float64 may leave the range although the norm is within; then they are scaled.
  if (sum > 1e-280 && sum < 1e300) return std::sqrt(sum);
  const double largest = largest_magnitude(gradients);
  if (largest == 0.0) return 0.0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::ldexp(std::sqrt(sum_of_squares(gradients, std::ldexp(1.0, -exponent))), exponent);
}

double clip_by_global_norm(Variables& gradients, double maximum) {
  expect_maximum("clip_by_global_norm", maximum);
  const double norm = global_norm(gradients);
  if (norm > maximum) {
    const double scale = maximum / norm;
    replace(gradients, [=]<class T>(T x) { return x * static_cast<T>(scale); });
  }
  return norm;
}

double clip_by_value(Variables& gradients, double maximum) {
  expect_maximum("clip_by_value", maximum);
  const double norm = global_norm(gradients);
  if (norm > maximum) {  // else no element is
    replace(gradients, [=]<class T>(T x) {
      return std::clamp(x, static_cast<T>(-maximum), static_cast<T>(maximum));
    });
  }
  return norm;
}

}  // namespace mnemo::optim
