#include "mnemo/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/half.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/differentiable.hpp"

namespace mnemo {
namespace {

// A tensor that no operation made but that gradients are wanted for.
class Leaf final : public Node {
 public:
  using Node::Node;
  void apply(Pullback&) const override {}
  std::span<const Input> inputs() const override { return {}; }
};

std::size_t checked_bytes(const Shape& shape, DType dtype) {
  std::int64_t bytes = static_cast<std::int64_t>(item_size(dtype));
  bool empty = false;
  for (const std::int64_t length : shape) {
    if (length < 0) detail::fail("tensor: shape ", shape, " has a negative length");
    empty |= length == 0;
    // Lengths beside a 0 count too: products of some of them must not overflow either.
    if (__builtin_mul_overflow(bytes, length == 0 ? 1 : length, &bytes)) {
      detail::fail("tensor: shape ", shape, " has more elements than memory can hold");
    }
  }
  return empty ? 0 : static_cast<std::size_t>(bytes);
}

// The shape that reshape is asked for, with its one -1 worked out.
Shape completed(const Tensor& tensor, const Shape& wanted) {
  Shape shape = wanted;
  std::int64_t* open = nullptr;
  std::int64_t known = 1;
  for (std::int64_t& length : shape) {
    if (length == -1 && !open) {
      open = &length;
    } else if (length < 0) {
      detail::fail("reshape: shape ", wanted, " has a negative length (one may be -1)");
    } else if (__builtin_mul_overflow(known, length, &known)) {
      detail::fail("reshape: shape ", wanted, " has more elements than memory can hold");
    }
  }
  if (open) {
    if (known == 0 || tensor.elements() % known != 0) {
      detail::fail("reshape: ", tensor.shape(), " has ", tensor.elements(),
                   " elements, which do not divide into ", wanted);
    }
    *open = tensor.elements() / known;
  } else if (known != tensor.elements()) {
    detail::fail("reshape: ", tensor.shape(), " has ", tensor.elements(), " elements, ", wanted,
                 " needs ", known);
  }
  return shape;
}

template <class T>
double as_double(T value) {
  if constexpr (std::is_same_v<T, Half>) {
    return static_cast<double>(detail::to_float(value));
  } else {
    return static_cast<double>(value);
  }
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(detail::to_float(value));
  } else if constexpr (std::is_same_v<To, Half>) {
    return detail::to_half(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_integral_v<To> && !std::is_same_v<From, bool>) {
    bool fits = false;
    if constexpr (std::is_floating_point_v<From>) {
      // Compared as powers of two, which are exact in every float type.
      const From above = std::ldexp(From{1}, std::numeric_limits<To>::digits);
      const From whole = std::trunc(value);
      fits = whole < above && (std::is_signed_v<To> ? whole >= -above : whole >= From{0});
    } else {
      fits = std::in_range<To>(value);
    }
    if (!fits) {
      detail::fail("cast: the value ", value, " does not fit into ", dtype_of<To>);
    }
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

Tensor cast_value(const Tensor& tensor, DType dtype) {
  Tensor result(tensor.shape(), dtype);
  detail::with_any_type(tensor.dtype(), [&]<class From>(std::type_identity<From>) {
    detail::with_any_type(dtype, [&]<class To>(std::type_identity<To>) {
      const std::span<const From> from = tensor.span<From>();
      std::transform(from.begin(), from.end(), result.mutable_data<To>(), convert<To, From>);
    });
  });
  return result;
}

}  // namespace

Tensor::Tensor(Shape shape, DType dtype) {
  Ref<Storage> storage = Storage::allocate(checked_bytes(shape, dtype));
  body_ = Ref<Body>(new Body(std::move(storage), std::move(shape), dtype));
}

Tensor::Tensor(Ref<Storage> storage, Shape shape, DType dtype) {
  const std::size_t needed = checked_bytes(shape, dtype);
  if (!storage || storage->bytes() < needed) {
    detail::fail("tensor: ", shape, " of ", dtype, " needs ", needed, " bytes, the storage has ",
                 storage ? storage->bytes() : 0);
  }
  body_ = Ref<Body>(new Body(std::move(storage), std::move(shape), dtype));
}

void Tensor::throw_undefined(const char* caller) {
  detail::fail(caller, ": an undefined tensor was given");
}

void Tensor::expect_dtype(DType expected) const {
  if (dtype() != expected) {
    detail::fail("tensor: the elements are ", dtype(), ", not ", expected);
  }
}

std::int64_t Tensor::size(std::int64_t axis, const char* caller) const {
  const Shape& all = shape(caller);
  return all[normalize_axis("size", axis, all.rank())];
}

double Tensor::item() const {
  if (elements() != 1) detail::fail("item: shape ", shape(), " does not hold exactly one element");
  return detail::with_any_type(
      dtype(), [&]<class T>(std::type_identity<T>) { return as_double(*data<T>()); });
}

double Tensor::at(std::initializer_list<std::int64_t> index) const {
  const Shape asked(index);
  if (asked.rank() != rank()) {
    detail::fail("at: index ", asked, " for a tensor of shape ", shape());
  }
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < asked.rank(); ++axis) {
    const std::int64_t length = shape()[axis];
    if (asked[axis] < -length || asked[axis] >= length) {
      detail::fail("at: index ", asked, " is out of range for shape ", shape());
    }
    offset = offset * length + (asked[axis] < 0 ? asked[axis] + length : asked[axis]);
  }
  return detail::with_any_type(
      dtype(), [&]<class T>(std::type_identity<T>) { return as_double(data<T>()[offset]); });
}

Tensor Tensor::clone() const {
  Tensor copy(shape(), dtype());
  if (bytes() > 0) std::memcpy(copy.mutable_raw(), raw(), bytes());
  return copy;
}

Tensor Tensor::detach() const {
  detail::expect_defined("detach", *this);
  return Tensor(storage(), shape(), dtype());
}

Tensor Tensor::reshape(const Shape& wanted) const {
  detail::expect_defined("reshape", *this);
  Tensor view(storage(), completed(*this, wanted), dtype());
  const auto rule = [before = shape()](Pullback& back) {
    back.to(0, [&] { return back.gradient().reshape(before); });
  };
  return record("reshape", std::move(view), {}, rule, *this);
}

void Tensor::assign(const Tensor& source) const {
  if (recording() && (requires_grad() || source.requires_grad())) {
    detail::fail(
        "assign: a tensor that requires a gradient is written or read in place; wrap it in "
        "NoGrad, or detach the source");
  }
  if (!(shape() == source.shape()) || dtype() != source.dtype()) {
    detail::fail("assign: the target is ", shape(), " of ", dtype(), ", the source ",
                 source.shape(), " of ", source.dtype());
  }
  if (bytes() > 0) std::memmove(mutable_raw(), source.raw(), bytes());
}

void Tensor::fill(double value) const {
  if (recording() && requires_grad()) {
    detail::fail("fill: a tensor that requires a gradient is written in place; wrap it in NoGrad");
  }
  detail::with_any_type(dtype(), [&]<class T>(std::type_identity<T>) {
    std::ranges::fill(mutable_span<T>(), convert<T>(value));
  });
}

const Tensor& Tensor::set_requires_grad(bool on) const {
  if (!is_leaf()) {
    detail::fail("set_requires_grad: this tensor of shape ", shape(), " is the result of ",
                 node()->name(), "; detach() it first");
  }
  if (on && !is_differentiable(dtype())) {
    detail::fail("set_requires_grad: gradients exist for float32 and float64, not for ", dtype());
  }
  if (!on) {
    body().node = Ref<Node>();
  } else if (!requires_grad()) {
    body().node = Ref<Node>(new Leaf("leaf", shape(), dtype()));
  }
  return *this;
}

bool Tensor::is_leaf() const { return !requires_grad() || node()->is_leaf(); }

Tensor Tensor::with_node(Ref<Node> node) && {
  if (!body().unique() || body().node) *this = detach();
  body().node = std::move(node);
  return std::move(*this);
}

namespace {

Tensor made(const char* name, const Shape& shape, DType dtype) {
  return detail::within(name, [&] { return Tensor(shape, dtype); });
}

}  // namespace

Tensor empty(const Shape& shape, DType dtype) { return made("empty", shape, dtype); }

Tensor zeros(const Shape& shape, DType dtype) {
  Tensor result = made("zeros", shape, dtype);
  auto* const bytes = static_cast<std::byte*>(result.mutable_raw());
  constexpr std::int64_t grain = std::int64_t{1} << 18;
  detail::parallel_range(static_cast<std::int64_t>(result.bytes()), grain,
                         [&](std::int64_t begin, std::int64_t end) {
                           std::fill(bytes + begin, bytes + end, std::byte{0});
                         });
  return result;
}

Tensor full(const Shape& shape, double value, DType dtype) {
  Tensor result = made("full", shape, dtype);
  result.fill(value);
  return result;
}

Tensor ones(const Shape& shape, DType dtype) {
  return detail::within("ones", [&] { return full(shape, 1.0, dtype); });
}
Tensor zeros_like(const Tensor& tensor) { return zeros(tensor.shape(), tensor.dtype()); }
Tensor ones_like(const Tensor& tensor) { return ones(tensor.shape(), tensor.dtype()); }
Tensor scalar(double value, DType dtype) { return full({}, value, dtype); }

template <class T>
Tensor from_values(std::span<const T> values, const Shape& shape) {
  Tensor result = made("from_values", shape, dtype_of<T>);
  if (result.elements() != static_cast<std::int64_t>(values.size())) {
    detail::fail("from_values: ", values.size(), " values for shape ", shape, ", which has ",
                 result.elements(), " elements");
  }
  std::copy(values.begin(), values.end(), result.mutable_data<T>());
  return result;
}

template Tensor from_values(std::span<const bool>, const Shape&);
template Tensor from_values(std::span<const std::int8_t>, const Shape&);
template Tensor from_values(std::span<const std::int16_t>, const Shape&);
template Tensor from_values(std::span<const std::int32_t>, const Shape&);
template Tensor from_values(std::span<const std::int64_t>, const Shape&);
template Tensor from_values(std::span<const std::uint8_t>, const Shape&);
template Tensor from_values(std::span<const std::uint16_t>, const Shape&);
template Tensor from_values(std::span<const std::uint32_t>, const Shape&);
template Tensor from_values(std::span<const std::uint64_t>, const Shape&);
template Tensor from_values(std::span<const Half>, const Shape&);
template Tensor from_values(std::span<const float>, const Shape&);
template Tensor from_values(std::span<const double>, const Shape&);

Tensor cast(const Tensor& tensor, DType dtype) {
  Tensor result = cast_value(tensor, dtype);
  if (!is_differentiable(dtype)) return result;
  const auto rule = [before = tensor.dtype()](Pullback& back) {
    back.to(0, [&] { return cast(back.gradient(), before); });
  };
  return record("cast", std::move(result), {}, rule, tensor);
}

}  // namespace mnemo
