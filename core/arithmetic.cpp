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
      "sub", [](const auto& x, const auto& y) { return x - y; }, derivatives(Unchanged{}, negated),
      a, b);
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
  return elementwise(
      "add", [b](const auto& x) { return x + b; }, derivatives(Unchanged{}), a);
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

namespace {

// result[j] = f(a[j], b[j]) with broadcasting, as bool.
template <class A, class B, class F>
Tensor decide(const char* name, const Tensor& a, const Tensor& b, const F& f) {
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  Tensor result(shape, DType::boolean);
  const auto walk = detail::plan_walk<2>(name, shape, {&a.shape(), &b.shape()});
  const A* const x = a.data<A>();
  const B* const y = b.data<B>();
  bool* const out = result.mutable_data<bool>();
  for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 2> from, std::int64_t length) {
    const A* const left = x + from[0];
    const B* const right = y + from[1];
    if (walk.advances[0] && walk.advances[1]) {
      for (std::int64_t j = 0; j < length; ++j) out[at + j] = f(left[j], right[j]);
    } else if (walk.advances[0]) {
      for (std::int64_t j = 0; j < length; ++j) out[at + j] = f(left[j], *right);
    } else {
      const std::int64_t step = walk.advances[1];
      for (std::int64_t j = 0; j < length; ++j) out[at + j] = f(*left, right[j * step]);
    }
  });
  return result;
}

// Calls `body` with the type of `dtype`, of those that can be computed with.
template <class Body>
Tensor with_number(const char* name, DType dtype, const Body& body) {
  return detail::with_any_type(dtype, [&]<class T>(std::type_identity<T> type) -> Tensor {
    if constexpr (std::is_same_v<T, Half>) {
      fail(name, ": float16 is for storage only; convert with cast()");
    } else {
      return body(type);
    }
  });
}

template <class Compare>
Tensor compare(const char* name, const Tensor& a, const Tensor& b, const Compare& holds) {
  expect_one_dtype(name, std::array{&a, &b});
  return with_number(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    return decide<T, T>(name, a, b, holds);
  });
}

template <class Compare>
Tensor compare(const char* name, const Tensor& a, double b, const Compare& holds) {
  return with_number(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    const Tensor other =
        scalar(std::is_same_v<T, float> ? static_cast<float>(b) : b, DType::float64);
    // A double has the digits of every type but the 64-bit integers; a long double has those too.
    return decide<T, double>(name, a, other, [&holds](T x, double y) {
      using Wide = std::conditional_t<sizeof(T) == 8 && std::is_integral_v<T>, long double, double>;
      return holds(static_cast<Wide>(x), static_cast<Wide>(y));
    });
  });
}

constexpr auto equal = [](auto x, auto y) { return x == y; };
constexpr auto not_equal = [](auto x, auto y) { return x != y; };
constexpr auto less = [](auto x, auto y) { return x < y; };
constexpr auto less_equal = [](auto x, auto y) { return x <= y; };
constexpr auto more = [](auto x, auto y) { return x > y; };
constexpr auto more_equal = [](auto x, auto y) { return x >= y; };

// What counts as true.
Tensor truth(const Tensor& a) {
  return a.dtype() == DType::boolean ? a : compare("logical", a, 0.0, not_equal);
}

}  // namespace

Tensor operator==(const Tensor& a, const Tensor& b) { return compare("equal", a, b, equal); }
Tensor operator!=(const Tensor& a, const Tensor& b) {
  return compare("not_equal", a, b, not_equal);
}
Tensor operator<(const Tensor& a, const Tensor& b) { return compare("less", a, b, less); }
Tensor operator<=(const Tensor& a, const Tensor& b) {
  return compare("less_equal", a, b, less_equal);
}
Tensor operator>(const Tensor& a, const Tensor& b) { return compare("greater", a, b, more); }
Tensor operator>=(const Tensor& a, const Tensor& b) {
  return compare("greater_equal", a, b, more_equal);
}
Tensor operator==(const Tensor& a, double b) { return compare("equal", a, b, equal); }
Tensor operator!=(const Tensor& a, double b) { return compare("not_equal", a, b, not_equal); }
Tensor operator<(const Tensor& a, double b) { return compare("less", a, b, less); }
Tensor operator<=(const Tensor& a, double b) { return compare("less_equal", a, b, less_equal); }
Tensor operator>(const Tensor& a, double b) { return compare("greater", a, b, more); }
Tensor operator>=(const Tensor& a, double b) { return compare("greater_equal", a, b, more_equal); }
Tensor operator==(double a, const Tensor& b) { return compare("equal", b, a, equal); }
Tensor operator!=(double a, const Tensor& b) { return compare("not_equal", b, a, not_equal); }
Tensor operator<(double a, const Tensor& b) { return compare("less", b, a, more); }
Tensor operator<=(double a, const Tensor& b) { return compare("less_equal", b, a, more_equal); }
Tensor operator>(double a, const Tensor& b) { return compare("greater", b, a, less); }
Tensor operator>=(double a, const Tensor& b) { return compare("greater_equal", b, a, less_equal); }

Tensor operator&&(const Tensor& a, const Tensor& b) {
  return decide<bool, bool>("logical_and", truth(a), truth(b),
                            [](bool x, bool y) { return x & y; });
}
Tensor operator||(const Tensor& a, const Tensor& b) {
  return decide<bool, bool>("logical_or", truth(a), truth(b), [](bool x, bool y) { return x | y; });
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return decide<bool, bool>("logical_xor", truth(a), truth(b), not_equal);
}
Tensor operator!(const Tensor& a) { return compare("logical_not", a, 0.0, equal); }

namespace {

// One run of where: each operand advances or stays, known to the compiler, so that it makes
// vectors.
template <class T>
void choose(const bool* c, const T* a, const T* b, const std::array<bool, 3>& advances,
            std::int64_t length, T* out) {
  const auto known = [](bool flag, const auto& body) {
    flag ? body(std::true_type{}) : body(std::false_type{});
  };
  known(advances[0], [&](auto moves_c) {
    known(advances[1], [&](auto moves_a) {
      known(advances[2], [&](auto moves_b) {
        for (std::int64_t j = 0; j < length; ++j) {
          // All bits or none: a branch on a random condition costs more than both loads.
          const T mask = static_cast<T>(-static_cast<std::make_signed_t<T>>(c[moves_c ? j : 0]));
          out[j] = static_cast<T>((a[moves_a ? j : 0] & mask) | (b[moves_b ? j : 0] & ~mask));
        }
      });
    });
  });
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  const Shape shape = broadcast_shapes("where", condition.shape(),
                                       broadcast_shapes("where", yes.shape(), no.shape()));
  expect_one_dtype("where", std::array{&yes, &no});
  if (condition.dtype() != DType::boolean) {
    fail("where: the condition is ", condition.dtype(), ", not bool");
  }
  Tensor result(shape, yes.dtype());
  const auto walk =
      detail::plan_walk<3>("where", shape, {&condition.shape(), &yes.shape(), &no.shape()});
  const auto choose_as = [&]<class T>(T) {
    const bool* const c = condition.data<bool>();
    const T* const a = static_cast<const T*>(yes.raw());
    const T* const b = static_cast<const T*>(no.raw());
    T* const out = static_cast<T*>(result.mutable_raw());
    for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 3> from, std::int64_t length) {
      choose(c + from[0], a + from[1], b + from[2], walk.advances, length, out + at);
    });
  };
  switch (item_size(yes.dtype())) {  // elements are moved, whatever they mean
    case 1: choose_as(std::uint8_t{}); break;
    case 2: choose_as(std::uint16_t{}); break;
    case 4: choose_as(std::uint32_t{}); break;
    default: choose_as(std::uint64_t{});
  }
  const auto rule = [](Pullback& back) {
    back.to(1, [&] { return where(back.input(0), back.gradient(), 0.0); });
    back.to(2, [&] { return where(back.input(0), 0.0, back.gradient()); });
  };
  return record("where", std::move(result), {.inputs = true, .only = 0b001}, rule, condition, yes,
                no);
}

Tensor where(const Tensor& condition, const Tensor& yes, double no) {
  return where(condition, yes, scalar(no, yes.dtype()));
}
Tensor where(const Tensor& condition, double yes, const Tensor& no) {
  return where(condition, scalar(yes, no.dtype()), no);
}

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
