#include "mnemo/core/matmul.hpp"

#include <algorithm>
#include <array>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/gemm.hpp"
#include "mnemo/core/detail/spans.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

struct Sizes {
  std::int64_t m, n, k;
};

// Of the last two axes.
Sizes product_sizes(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const Sizes sizes{a.size(transpose_a ? -1 : -2), b.size(transpose_b ? -2 : -1),
                    a.size(transpose_a ? -2 : -1)};
  const std::int64_t other = b.size(transpose_b ? -1 : -2);
  if (sizes.k != other) {
    detail::fail("matmul: inner lengths differ, ", sizes.k, " and ", other, " (", a.shape(),
                 transpose_a ? " transposed" : "", " times ", b.shape(),
                 transpose_b ? " transposed)" : ")");
  }
  return sizes;
}

// result = op(a) op(b) + beta * result, for one matrix each.
template <class T>
void multiply(const T* a, const T* b, bool transpose_a, bool transpose_b, const Sizes& sizes,
              double beta, T* result) {
  const auto [m, n, k] = sizes;
  const auto row = [](std::int64_t length) { return std::max<std::int64_t>(1, length); };
  detail::gemm<T>(transpose_a, transpose_b, m, n, k, T(1), a, row(transpose_a ? m : k), b,
                  row(transpose_b ? k : n), static_cast<T>(beta), result, row(n));
}

// The axes before the last two.
Shape batch_of(const Tensor& x) {
  return Shape(std::span<const std::int64_t>(x.shape().begin(), x.rank() - 2));
}

Shape with_matrix(const Shape& batch, std::int64_t rows, std::int64_t columns) {
  Shape shape(batch.rank() + 2, columns);
  std::copy(batch.begin(), batch.end(), shape.begin());
  shape[batch.rank()] = rows;
  return shape;
}

// Runs `body(a_matrix, b_matrix, result_matrix)`, the numbers of the matrices of a batch product.
template <class Body>
void for_each_matrix(const Shape& batch, const Shape& a, const Shape& b, std::int64_t work,
                     const Body& body) {
  const auto walk = detail::plan_walk<2>("matmul", batch, {&a, &b});
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      std::array<std::int64_t, 2> from = walk.offsets(i / walk.run);
      for (std::size_t side : {0, 1}) from[side] += walk.advances[side] ? i % walk.run : 0;
      body(from[0], from[1], i);
    }
  };
  constexpr std::int64_t enough = 1 << 18;  // multiplications that are worth a block of their own
  if (work >= 64 * enough) return run(0, batch.elements());  // each product cuts itself into blocks
  detail::parallel_range(batch.elements(),
                         std::max<std::int64_t>(1, enough / std::max<std::int64_t>(1, work)), run);
}

// Both of rank 2 or more; the batch axes broadcast.
Tensor product(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const Sizes sizes = product_sizes(a, b, transpose_a, transpose_b);
  const Shape a_batch = batch_of(a);
  const Shape b_batch = batch_of(b);
  if (a.rank() > 2 && b_batch.elements() == 1 && !transpose_a && a.rank() >= b.rank()) {
    // One matrix on the right: all rows on the left are one matrix too.
    const Tensor rows = a.reshape({a_batch.elements() * sizes.m, sizes.k});
    return product(rows, b.reshape({b.size(-2), b.size(-1)}), false, transpose_b)
        .reshape(with_matrix(a_batch, sizes.m, sizes.n));
  }
  const Shape batch = broadcast_shapes("matmul", a_batch, b_batch);
  Tensor result(with_matrix(batch, sizes.m, sizes.n), a.dtype());
  detail::with_float_type("matmul", a.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* const left = a.data<T>();
    const T* const right = b.data<T>();
    T* const out = result.mutable_data<T>();
    const std::int64_t m = sizes.m;
    const std::int64_t n = sizes.n;
    const std::int64_t k = sizes.k;
    for_each_matrix(batch, a_batch, b_batch, m * n * k,
                    [=](std::int64_t i, std::int64_t j, std::int64_t at) {
                      multiply(left + i * m * k, right + j * k * n, transpose_a, transpose_b,
                               {m, n, k}, 0.0, out + at * m * n);
                    });
  });
  const auto rule = [transpose_a, transpose_b](Pullback& back) {
    const Tensor& g = back.gradient();
    back.to(0, [&] {
      return transpose_a ? product(back.input(1), g, transpose_b, true)
                         : product(g, back.input(1), false, !transpose_b);
    });
    back.to(1, [&] {
      return transpose_b ? product(g, back.input(0), true, transpose_a)
                         : product(back.input(0), g, !transpose_a, false);
    });
  };
  return record("matmul", std::move(result), {.inputs = true}, rule, a, b);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  detail::expect_one_dtype("matmul", std::array{&a, &b});
  if (a.rank() > 1 && b.rank() > 1) return product(a, b, transpose_a, transpose_b);
  if (a.rank() == 0 || b.rank() == 0) {
    detail::fail("matmul: takes vectors and matrices, got shapes ", a.shape(), " and ", b.shape());
  }
  if ((a.rank() == 1 && transpose_a) || (b.rank() == 1 && transpose_b)) {
    detail::fail("matmul: a vector has no transpose (shapes ", a.shape(), " and ", b.shape(), ")");
  }
  // A vector is a row on the left and a column on the right; its axis goes from the result.
  const Tensor left = a.rank() == 1 ? a.reshape({1, a.elements()}) : a;
  const Tensor right = b.rank() == 1 ? b.reshape({b.elements(), 1}) : b;
  const Tensor result = product(left, right, transpose_a, transpose_b);
  Shape shape = result.shape();
  if (b.rank() == 1) shape.erase(shape.rank() - 1);
  if (a.rank() == 1) shape.erase(shape.rank() - (b.rank() == 1 ? 1 : 2));
  return result.reshape(shape);
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || !(a.shape() == b.shape())) {
    detail::fail("dot: takes two vectors of one length, got shapes ", a.shape(), " and ",
                 b.shape());
  }
  return detail::within("dot", [&] { return matmul(a, b); });
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || b.rank() != 1) {
    detail::fail("outer: takes two vectors, got shapes ", a.shape(), " and ", b.shape());
  }
  return detail::within("outer", [&] { return a.reshape({a.elements(), 1}) * b; });
}

namespace {

// linear for x of rank 2.
Tensor linear_rows(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!bias.defined()) return matmul(x, weight, false, true);
  const Sizes sizes = product_sizes(x, weight, false, true);
  Tensor result({sizes.m, sizes.n}, x.dtype());
  const std::size_t row_bytes = bias.bytes();
  auto* const rows = static_cast<std::byte*>(result.mutable_raw());
  const auto* const source = static_cast<const std::byte*>(bias.raw());
  for (std::int64_t row = 0; row < sizes.m; ++row) {
    std::copy_n(source, row_bytes, rows + static_cast<std::size_t>(row) * row_bytes);
  }
  detail::with_float_type("linear", x.dtype(), [&]<class T>(std::type_identity<T>) {
    multiply(x.data<T>(), weight.data<T>(), false, true, sizes, 1.0, result.mutable_data<T>());
  });
  const auto rule = [](Pullback& back) {
    const Tensor& g = back.gradient();
    back.to(0, [&] { return matmul(g, back.input(1)); });
    back.to(1, [&] { return matmul(g, back.input(0), true, false); });
    back.to(2, [&] { return sum(g, {.axes = {0}}); });
  };
  return record("linear", std::move(result), {.inputs = true, .only = 0b011}, rule, x, weight,
                bias);
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.rank() != 2 || x.rank() < 1 || x.size(-1) != weight.size(1)) {
    detail::fail("linear: input ", x.shape(), " does not fit weight ", weight.shape(),
                 "; the last length of the input must be the weight's second");
  }
  if (bias.defined() && !(bias.shape() == Shape{weight.size(0)})) {
    detail::fail("linear: bias ", bias.shape(), " does not fit weight ", weight.shape());
  }
  detail::expect_one_dtype("linear", std::array{&x, &weight});
  if (bias.defined()) detail::expect_one_dtype("linear", std::array{&x, &bias});
  if (x.rank() == 2) return linear_rows(x, weight, bias);
  Shape result = x.shape();
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  result[x.rank() - 1] = weight.size(0);
  return linear_rows(x.reshape({rows, x.size(-1)}), weight, bias).reshape(result);
}

}  // namespace mnemo
