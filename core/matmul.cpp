#include "mnemo/core/matmul.hpp"

#include <algorithm>
#include <array>

#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/gemm.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/reduce.hpp"

namespace mnemo {
namespace {

struct Sizes {
  std::int64_t m, n, k;
};

Sizes product_sizes(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  if (a.rank() != 2 || b.rank() != 2) {
    detail::fail("matmul: takes matrices, got shapes ", a.shape(), " and ", b.shape());
  }
  const Sizes sizes{a.size(transpose_a ? 1 : 0), b.size(transpose_b ? 0 : 1),
                    a.size(transpose_a ? 0 : 1)};
  const std::int64_t other = b.size(transpose_b ? 1 : 0);
  if (sizes.k != other) {
    detail::fail("matmul: inner lengths differ, ", sizes.k, " and ", other, " (", a.shape(),
                 transpose_a ? " transposed" : "", " times ", b.shape(),
                 transpose_b ? " transposed)" : ")");
  }
  return sizes;
}

// result = op(a) op(b) + beta * result
void multiply_into(const char* name, const Tensor& a, const Tensor& b, bool transpose_a,
                   bool transpose_b, const Sizes& sizes, double beta, const Tensor& result) {
  detail::with_float_type(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    detail::gemm<T>(transpose_a, transpose_b, sizes.m, sizes.n, sizes.k, T(1), a.data<T>(),
                    std::max<std::int64_t>(1, a.size(-1)), b.data<T>(),
                    std::max<std::int64_t>(1, b.size(-1)), static_cast<T>(beta),
                    result.mutable_data<T>(), std::max<std::int64_t>(1, sizes.n));
  });
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  detail::expect_one_dtype("matmul", std::array{&a, &b});
  const Sizes sizes = product_sizes(a, b, transpose_a, transpose_b);
  Tensor result({sizes.m, sizes.n}, a.dtype());
  multiply_into("matmul", a, b, transpose_a, transpose_b, sizes, 0.0, result);
  const auto rule = [transpose_a, transpose_b](Pullback& back) {
    const Tensor& g = back.gradient();
    back.to(0, [&] {
      return transpose_a ? matmul(back.input(1), g, transpose_b, true)
                         : matmul(g, back.input(1), false, !transpose_b);
    });
    back.to(1, [&] {
      return transpose_b ? matmul(g, back.input(0), true, transpose_a)
                         : matmul(back.input(0), g, !transpose_a, false);
    });
  };
  return record("matmul", std::move(result), {.inputs = true}, rule, a, b);
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
  multiply_into("linear", x, weight, false, true, sizes, 1.0, result);
  const auto rule = [](Pullback& back) {
    const Tensor& g = back.gradient();
    back.to(0, [&] { return matmul(g, back.input(1)); });
    back.to(1, [&] { return matmul(g, back.input(0), true, false); });
    back.to(2, [&] { return sum(g, {.axes = {0}}); });
  };
  return record("linear", std::move(result), {.inputs = true, .only = 0b011}, rule, x, weight, bias);
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
  const std::int64_t rows = x.size(-1) == 0 ? 0 : x.elements() / x.size(-1);
  result[x.rank() - 1] = weight.size(0);
  return linear_rows(x.reshape({rows, x.size(-1)}), weight, bias).reshape(result);
}

}  // namespace mnemo
