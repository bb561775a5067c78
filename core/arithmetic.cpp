#include "mnemo/core/arithmetic.hpp"

#include "mnemo/core/detail/accumulate.hpp"
#include "mnemo/core/detail/elementwise.hpp"

namespace mnemo {

using namespace detail;  // its functions of batches beside the functions of tensors

namespace {

constexpr auto negated = [](const auto& g, Unused, Unused, Unused) { return -g; };

}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) {
  return elementwise(
      "add", [](const auto& x, const auto& y) { return x + y; },
      derivatives(Unchanged{}, Unchanged{}), a, b);
}

Tensor operator-(const Tensor& a, const Tensor& b) {
  return elementwise(
      "sub", [](const auto& x, const auto& y) { return x - y; }, derivatives(Unchanged{}, negated), a,
      b);
}

Tensor operator*(const Tensor& a, const Tensor& b) {
  return elementwise(
      "mul", [](const auto& x, const auto& y) { return x * y; },
      derivatives([](const auto& g, Unused, const auto& y, Unused) { return g * y; },
                  [](const auto& g, const auto& x, Unused, Unused) { return g * x; }),
      a, b);
}

Tensor operator/(const Tensor& a, const Tensor& b) {
  return elementwise(
      "div", [](const auto& x, const auto& y) { return x / y; },
      derivatives([](const auto& g, Unused, const auto& y, Unused) { return g / y; },
                  [](const auto& g, Unused, const auto& y, const auto& z) { return -(g * z) / y; }),
      a, b);
}

Tensor operator-(const Tensor& a) {
  return elementwise(
      "neg", [](const auto& x) { return -x; },
      derivatives([](const auto& g, Unused, Unused) { return -g; }), a);
}

Tensor operator+(const Tensor& a, double b) {
  return elementwise("add", [b](const auto& x) { return x + b; }, derivatives(Unchanged{}), a);
}

Tensor operator*(const Tensor& a, double b) {
  return elementwise(
      "mul", [b](const auto& x) { return x * b; },
      derivatives([b](const auto& g, Unused, Unused) { return g * b; }), a);
}

Tensor operator/(const Tensor& a, double b) {
  return elementwise(
      "div", [b](const auto& x) { return x / b; },
      derivatives([b](const auto& g, Unused, Unused) { return g / b; }), a);
}

Tensor operator-(double a, const Tensor& b) {
  return elementwise(
      "sub", [a](const auto& x) { return a - x; },
      derivatives([](const auto& g, Unused, Unused) { return -g; }), b);
}

Tensor operator/(double a, const Tensor& b) {
  return elementwise(
      "div", [a](const auto& x) { return a / x; },
      derivatives([](const auto& g, const auto& x, const auto& y) { return -(g * y) / x; }), b);
}

Tensor operator-(const Tensor& a, double b) { return a + -b; }
Tensor operator+(double a, const Tensor& b) { return b + a; }
Tensor operator*(double a, const Tensor& b) { return b * a; }

Tensor where(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  const Shape shape = broadcast_shapes(
      "where", condition.shape(), broadcast_shapes("where", yes.shape(), no.shape()));
  const std::array<const Tensor*, 2> branches{&yes, &no};
  detail::expect_one_dtype("where", branches);
  if (condition.dtype() != DType::boolean) {
    detail::fail("where: the condition is ", condition.dtype(), ", not bool");
  }
  Tensor result(shape, yes.dtype());
  const auto walk = detail::plan_walk<3>("where", shape,
                                         {&condition.shape(), &yes.shape(), &no.shape()});
  detail::with_float_type("where", yes.dtype(), [&]<class T>(std::type_identity<T>) {
    const bool* const c = condition.data<bool>();
    const T* const a = yes.data<T>();
    const T* const b = no.data<T>();
    T* const out = result.mutable_data<T>();
    detail::for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 3> from,
                                   std::int64_t length) {
      const std::array<std::int64_t, 3> step{walk.advances[0], walk.advances[1], walk.advances[2]};
      for (std::int64_t j = 0; j < length; ++j) {
        out[at + j] = c[from[0] + j * step[0]] ? a[from[1] + j * step[1]] : b[from[2] + j * step[2]];
      }
    });
  });
  const auto rule = [](Pullback& back) {
    back.to(1, [&] { return where(back.input(0), back.gradient(), 0.0); });
    back.to(2, [&] {
      return where(back.input(0), zeros_like(back.gradient()), back.gradient());
    });
  };
  return record("where", std::move(result), {.inputs = true, .only = 0b001}, rule, condition, yes,
                no);
}

Tensor where(const Tensor& condition, const Tensor& yes, double no) {
  return where(condition, yes, scalar(no, yes.dtype()));
}

namespace {

template <class Compare>
Tensor compare(const char* name, const Tensor& a, const Tensor& b, const Compare& holds) {
  if (a.dtype() != b.dtype()) {
    detail::fail(name, ": the tensors are ", a.dtype(), " and ", b.dtype(), "; convert with cast()");
  }
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  Tensor result(shape, DType::boolean);
  const auto walk = detail::plan_walk<2>(name, shape, {&a.shape(), &b.shape()});
  detail::with_any_type(a.dtype(), [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, Half>) {
      detail::fail(name, ": float16 is for storage only; convert with cast()");
    } else {
      const T* const x = a.data<T>();
      const T* const y = b.data<T>();
      bool* const out = result.mutable_data<bool>();
      detail::for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 2> from,
                                     std::int64_t length) {
        const std::array<std::int64_t, 2> step{walk.advances[0], walk.advances[1]};
        for (std::int64_t j = 0; j < length; ++j) {
          out[at + j] = holds(x[from[0] + j * step[0]], y[from[1] + j * step[1]]);
        }
      });
    }
  });
  return result;
}

constexpr auto equal = [](auto x, auto y) { return x == y; };
constexpr auto not_equal = [](auto x, auto y) { return x != y; };
constexpr auto less = [](auto x, auto y) { return x < y; };
constexpr auto less_equal = [](auto x, auto y) { return x <= y; };
constexpr auto more = [](auto x, auto y) { return x > y; };
constexpr auto more_equal = [](auto x, auto y) { return x >= y; };

}  // namespace

Tensor operator==(const Tensor& a, const Tensor& b) { return compare("equal", a, b, equal); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return compare("not_equal", a, b, not_equal); }
Tensor operator<(const Tensor& a, const Tensor& b) { return compare("less", a, b, less); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return compare("less_equal", a, b, less_equal); }
Tensor operator>(const Tensor& a, const Tensor& b) { return compare("greater", a, b, more); }
Tensor operator>=(const Tensor& a, const Tensor& b) {
  return compare("greater_equal", a, b, more_equal);
}
Tensor operator==(const Tensor& a, double b) { return a == scalar(b, a.dtype()); }
Tensor operator!=(const Tensor& a, double b) { return a != scalar(b, a.dtype()); }
Tensor operator<(const Tensor& a, double b) { return a < scalar(b, a.dtype()); }
Tensor operator<=(const Tensor& a, double b) { return a <= scalar(b, a.dtype()); }
Tensor operator>(const Tensor& a, double b) { return a > scalar(b, a.dtype()); }
Tensor operator>=(const Tensor& a, double b) { return a >= scalar(b, a.dtype()); }

const Tensor& operator+=(const Tensor& a, const Tensor& b) { return a.assign(a + b), a; }
const Tensor& operator-=(const Tensor& a, const Tensor& b) { return a.assign(a - b), a; }
const Tensor& operator*=(const Tensor& a, const Tensor& b) { return a.assign(a * b), a; }
const Tensor& operator/=(const Tensor& a, const Tensor& b) { return a.assign(a / b), a; }
const Tensor& operator+=(const Tensor& a, double b) { return a.assign(a + b), a; }
const Tensor& operator-=(const Tensor& a, double b) { return a.assign(a - b), a; }
const Tensor& operator*=(const Tensor& a, double b) { return a.assign(a * b), a; }
const Tensor& operator/=(const Tensor& a, double b) { return a.assign(a / b), a; }

namespace detail {

void expect_one_dtype(const char* name, std::span<const Tensor* const> inputs) {
  for (const Tensor* input : inputs) {
    if (input->dtype() != inputs[0]->dtype()) {
      fail(name, ": the tensors are ", inputs[0]->dtype(), " and ", input->dtype(),
           "; convert with cast()");
    }
  }
}

void accumulate(const Tensor& target, const Tensor& addend) {
  with_float_type("grad", target.dtype(), [&]<class T>(std::type_identity<T>) {
    T* const to = target.mutable_data<T>();
    const T* const from = addend.data<T>();
    parallel_range(target.elements(), block_elements, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
    });
  });
}

}  // namespace detail
}  // namespace mnemo
