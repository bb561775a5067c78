#include "mnemo/core/arithmetic.hpp"

#include <cmath>
#include <limits>

#include "mnemo/core/detail/accumulate.hpp"
#include "mnemo/core/detail/elementwise.hpp"

namespace mnemo {

using namespace detail;  // its functions of batches beside the functions of tensors

namespace {

constexpr auto negated = [](const auto& g, Unused, Unused, Unused) { return -g; };

// `spent` is a, where it is a temporary, or null.
Tensor add(Tensor* spent, const Tensor& a, const Tensor& b) {
  return elementwise(
      "add", [](const auto& x, const auto& y) { return x + y; },
      derivatives(Unchanged{}, Unchanged{}), spent, a, b);
}

Tensor subtract(Tensor* spent, const Tensor& a, const Tensor& b) {
  return elementwise(
      "sub", [](const auto& x, const auto& y) { return x - y; }, derivatives(Unchanged{}, negated),
      spent, a, b);
}

Tensor multiply(Tensor* spent, const Tensor& a, const Tensor& b) {
  return elementwise(
      "mul", [](const auto& x, const auto& y) { return x * y; },
      derivatives([](const auto& g, Unused, const auto& y, Unused) { return g * y; },
                  [](const auto& g, const auto& x, Unused, Unused) { return g * x; }),
      spent, a, b);
}

Tensor divide(Tensor* spent, const Tensor& a, const Tensor& b) {
  return elementwise(
      "div", [](const auto& x, const auto& y) { return x / y; },
      derivatives([](const auto& g, Unused, const auto& y, Unused) { return g / y; },
                  [](const auto& g, Unused, const auto& y, const auto& z) { return -(g * z) / y; }),
      spent, a, b);
}

Tensor negate(Tensor* spent, const Tensor& a) {
  return elementwise(
      "neg", [](const auto& x) { return -x; },
      derivatives([](const auto& g, Unused, Unused) { return -g; }), spent, a);
}

Tensor add(Tensor* spent, const Tensor& a, double b) {
  return elementwise(
      "add", [b](const auto& x) { return x + b; }, derivatives(Unchanged{}), spent, a);
}

Tensor multiply(Tensor* spent, const Tensor& a, double b) {
  return elementwise(
      "mul", [b](const auto& x) { return x * b; },
      derivatives([b](const auto& g, Unused, Unused) { return g * b; }), spent, a);
}

Tensor divide(Tensor* spent, const Tensor& a, double b) {
  return elementwise(
      "div", [b](const auto& x) { return x / b; },
      derivatives([b](const auto& g, Unused, Unused) { return g / b; }), spent, a);
}

Tensor subtract(Tensor* spent, double a, const Tensor& b) {
  return elementwise(
      "sub", [a](const auto& x) { return a - x; },
      derivatives([](const auto& g, Unused, Unused) { return -g; }), spent, b);
}

}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) { return add(nullptr, a, b); }
Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(nullptr, a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(nullptr, a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return divide(nullptr, a, b); }
Tensor operator+(Tensor&& a, const Tensor& b) { return add(&a, a, b); }
Tensor operator-(Tensor&& a, const Tensor& b) { return subtract(&a, a, b); }
Tensor operator*(Tensor&& a, const Tensor& b) { return multiply(&a, a, b); }
Tensor operator/(Tensor&& a, const Tensor& b) { return divide(&a, a, b); }

Tensor operator-(const Tensor& a) { return negate(nullptr, a); }
Tensor operator+(const Tensor& a, double b) { return add(nullptr, a, b); }
Tensor operator-(const Tensor& a, double b) { return add(nullptr, a, -b); }
Tensor operator*(const Tensor& a, double b) { return multiply(nullptr, a, b); }
Tensor operator/(const Tensor& a, double b) { return divide(nullptr, a, b); }
Tensor operator-(Tensor&& a) { return negate(&a, a); }
Tensor operator+(Tensor&& a, double b) { return add(&a, a, b); }
Tensor operator-(Tensor&& a, double b) { return add(&a, a, -b); }
Tensor operator*(Tensor&& a, double b) { return multiply(&a, a, b); }
Tensor operator/(Tensor&& a, double b) { return divide(&a, a, b); }

Tensor operator+(double a, const Tensor& b) { return add(nullptr, b, a); }
Tensor operator-(double a, const Tensor& b) { return subtract(nullptr, a, b); }
Tensor operator*(double a, const Tensor& b) { return multiply(nullptr, b, a); }
Tensor operator+(double a, Tensor&& b) { return add(&b, b, a); }
Tensor operator-(double a, Tensor&& b) { return subtract(&b, a, b); }
Tensor operator*(double a, Tensor&& b) { return multiply(&b, b, a); }
Tensor operator/(double a, const Tensor& b) {
  return elementwise(
      "div", [a](const auto& x) { return a / x; },
      derivatives([](const auto& g, const auto& x, const auto& y) { return -(g * y) / x; }), b);
}

namespace {

// out[j] = f(a[j], b[j]) where both go on, or one of them stays.
template <class T, auto f>
void decide_run(const void* a, const void* b, const std::array<bool, 2>& advances,
                std::int64_t length, bool* out) {
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  if (advances[0] && advances[1]) {
    for (std::int64_t j = 0; j < length; ++j) out[j] = f(x[j], y[j]);
  } else if (advances[0]) {
    for (std::int64_t j = 0; j < length; ++j) out[j] = f(x[j], *y);
  } else {
    const std::int64_t step = advances[1];
    for (std::int64_t j = 0; j < length; ++j) out[j] = f(*x, y[j * step]);
  }
}

using DecideRun = void (*)(const void* a, const void* b, const std::array<bool, 2>& advances,
                           std::int64_t length, bool* out);

// `run` with broadcasting; not a template, since there are many of those.
Tensor decide(const char* name, const Tensor& a, const Tensor& b, DecideRun run) {
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  Tensor result(shape, DType::boolean);
  const auto walk = detail::plan_walk<2>(name, shape, {&a.shape(), &b.shape()});
  const auto size = static_cast<std::int64_t>(item_size(a.dtype()));
  const char* const x = static_cast<const char*>(a.raw());
  const char* const y = static_cast<const char*>(b.raw());
  bool* const out = result.mutable_data<bool>();
  for_each_run(walk, [&](std::int64_t at, std::array<std::int64_t, 2> from, std::int64_t length) {
    run(x + from[0] * size, y + from[1] * size, walk.advances, length, out + at);
  });
  return result;
}

enum class Relation { equal, not_equal, less, less_equal, greater, greater_equal };
constexpr std::array relation_names{"equal",      "not_equal", "less",
                                    "less_equal", "greater",   "greater_equal"};

constexpr auto equal = [](auto x, auto y) { return x == y; };
constexpr auto not_equal = [](auto x, auto y) { return x != y; };
constexpr auto less = [](auto x, auto y) { return x < y; };
constexpr auto less_equal = [](auto x, auto y) { return x <= y; };

Tensor compare(Relation relation, const Tensor& a, const Tensor& b) {
  const char* const name = relation_names[static_cast<std::size_t>(relation)];
  expect_one_dtype(name, std::array{&a, &b});
  return with_number(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    switch (relation) {
      case Relation::equal: return decide(name, a, b, decide_run<T, equal>);
      case Relation::not_equal: return decide(name, a, b, decide_run<T, not_equal>);
      case Relation::less: return decide(name, a, b, decide_run<T, less>);
      case Relation::less_equal: return decide(name, a, b, decide_run<T, less_equal>);
      case Relation::greater: return decide(name, b, a, decide_run<T, less>);
      case Relation::greater_equal: break;
    }
    return decide(name, b, a, decide_run<T, less_equal>);
  });
}

// Integers are compared with the whole number at or below b, which decides as b does.
Tensor compare(Relation relation, const Tensor& a, double b) {
  const char* const name = relation_names[static_cast<std::size_t>(relation)];
  return with_number(name, a.dtype(name), [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      return compare(relation, a, scalar(b, a.dtype()));
    } else {
      const bool below = relation == Relation::less || relation == Relation::less_equal;
      const bool above = relation == Relation::greater || relation == Relation::greater_equal;
      const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);  // the first too large
      const double whole = std::floor(b);
      const auto always = [&](bool answer) {
        return full(a.shape(), answer ? 1.0 : 0.0, DType::boolean);
      };
      if (std::isnan(b)) return always(relation == Relation::not_equal);
      if (b >= end) return always(below || relation == Relation::not_equal);
      if (b < static_cast<double>(std::numeric_limits<T>::min())) {
        return always(above || relation == Relation::not_equal);
      }
      if (whole != b && !below && !above) return always(relation == Relation::not_equal);
      const Relation asked = whole == b ? relation
                             : below    ? Relation::less_equal
                                        : Relation::greater;
      return compare(asked, a, scalar(whole, a.dtype()));
    }
  });
}

// What counts as true.
Tensor truth(const Tensor& a) {
  return a.dtype() == DType::boolean ? a : compare(Relation::not_equal, a, 0.0);
}

}  // namespace

Tensor operator==(const Tensor& a, const Tensor& b) { return compare(Relation::equal, a, b); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return compare(Relation::not_equal, a, b); }
Tensor operator<(const Tensor& a, const Tensor& b) { return compare(Relation::less, a, b); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return compare(Relation::less_equal, a, b); }
Tensor operator>(const Tensor& a, const Tensor& b) { return compare(Relation::greater, a, b); }
Tensor operator>=(const Tensor& a, const Tensor& b) {
  return compare(Relation::greater_equal, a, b);
}
Tensor operator==(const Tensor& a, double b) { return compare(Relation::equal, a, b); }
Tensor operator!=(const Tensor& a, double b) { return compare(Relation::not_equal, a, b); }
Tensor operator<(const Tensor& a, double b) { return compare(Relation::less, a, b); }
Tensor operator<=(const Tensor& a, double b) { return compare(Relation::less_equal, a, b); }
Tensor operator>(const Tensor& a, double b) { return compare(Relation::greater, a, b); }
Tensor operator>=(const Tensor& a, double b) { return compare(Relation::greater_equal, a, b); }
Tensor operator==(double a, const Tensor& b) { return b == a; }
Tensor operator!=(double a, const Tensor& b) { return b != a; }
Tensor operator<(double a, const Tensor& b) { return b > a; }
Tensor operator<=(double a, const Tensor& b) { return b >= a; }
Tensor operator>(double a, const Tensor& b) { return b < a; }
Tensor operator>=(double a, const Tensor& b) { return b <= a; }

Tensor operator&&(const Tensor& a, const Tensor& b) {
  constexpr auto both = [](bool x, bool y) { return x & y; };
  return decide("logical_and", truth(a), truth(b), decide_run<bool, both>);
}
Tensor operator||(const Tensor& a, const Tensor& b) {
  constexpr auto either = [](bool x, bool y) { return x | y; };
  return decide("logical_or", truth(a), truth(b), decide_run<bool, either>);
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return decide("logical_xor", truth(a), truth(b), decide_run<bool, not_equal>);
}
Tensor operator!(const Tensor& a) { return compare(Relation::equal, a, 0.0); }

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

void rethrow_within(std::string_view name, const Error& error) {
  const std::string prefix = text(name, ": ");
  if (std::string_view(error.what()).starts_with(prefix)) throw error;
  throw Error(prefix + error.what());
}

void expect_one_dtype(const char* name, std::span<const Tensor* const> inputs) {
  for (const Tensor* input : inputs) {
    expect_defined(name, *inputs[0], *input);
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
