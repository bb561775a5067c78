#pragma once
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>
#include <xsimd/xsimd.hpp>

#include "mnemo/core/detail/batch_math.hpp"
#include "mnemo/core/detail/checks.hpp"
#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/spans.hpp"
#include "mnemo/core/differentiable.hpp"

/// Elementwise operations: value and derivatives are written once, as generic lambdas. Applied to
/// SIMD batches they are one fused pass over memory; applied to tensors, when the derivative itself
/// is recorded, the same lambdas record operations that can be differentiated again.
///
///     elementwise("tanh", [](const auto& x) { return tanh(x); },               // value
///                 derivatives([](const auto& g, Unused, const auto& y) {       // d/dx
///                   return g * (1.0 - y * y);
///                 }), x);
///
/// A derivative takes the gradient of the result, the inputs and the result; what it does not read
/// it declares Unused, and that is then not kept.
namespace mnemo::detail {

/// Stands for an operand that a derivative does not read.
struct Unused {};

/// The derivative of an input that enters unchanged: its gradient is that of the result, uncopied.
struct Unchanged {};

template <class... Functions>
std::tuple<Functions...> derivatives(Functions... functions) {
  return {functions...};
}

// Which of `count` operands the derivative F reads, as bits; found by offering it everything first
// and Unused in place of more and more operands until it accepts.
template <class F, unsigned mask, std::size_t... i>
constexpr bool accepts(std::index_sequence<i...>) {
  return std::is_invocable_v<const F&, const Tensor&,
                             std::conditional_t<(mask >> i & 1u) != 0, const Tensor&, Unused>...>;
}
template <class F, std::size_t count, unsigned mask = (1u << count) - 1>
constexpr unsigned operands_read() {
  if constexpr (std::is_same_v<F, Unchanged>) {
    return 0;
  } else if constexpr (accepts<F, mask>(std::make_index_sequence<count>{})) {
    return mask;
  } else {
    static_assert(mask > 0, "a derivative takes the gradient, each input and the result");
    return operands_read<F, count, mask - 1>();
  }
}

/// Whether the memory of a tensor that is not needed any more may be written.
inline bool reusable(const Tensor& tensor) { return tensor.exclusive() && !watching(); }

// One run of a fused pass: result[j] = f(operands[j]...). The rest of a run that fills no vector is
// computed in a padded one, so that each element goes through the same instructions wherever it
// stands.
template <class T, std::size_t count, class F, std::size_t... i>
void map_run(T* result, std::array<const T*, count> operands,
             const std::array<bool, count>& advances, std::int64_t length, const F& f,
             std::index_sequence<i...>) {
  using Batch = xsimd::batch<T>;
  constexpr auto width = static_cast<std::int64_t>(Batch::size);
  alignas(64) T constants[count][Batch::size];
  std::array<std::int64_t, count> step;
  for (std::size_t k = 0; k < count; ++k) {
    step[k] = advances[k] ? width : 0;
    if (advances[k]) continue;
    Batch(*operands[k]).store_unaligned(constants[k]);
    operands[k] = constants[k];
  }
  std::int64_t done = 0;
  for (; done + width <= length; done += width) {
    f(Batch::load_unaligned(operands[i])...).store_unaligned(result + done);
    ((operands[i] += step[i]), ...);
  }
  const auto rest = static_cast<std::size_t>(length - done);
  if (rest == 0) return;
  alignas(64) T padded[Batch::size];
  const auto load = [&](std::size_t k) {
    if (!advances[k]) return Batch::load_unaligned(operands[k]);
    Batch(operands[k][0]).store_unaligned(padded);
    std::memcpy(padded, operands[k], rest * sizeof(T));
    return Batch::load_unaligned(padded);
  };
  const Batch last = f(load(i)...);
  last.store_unaligned(padded);
  std::memcpy(result + done, padded, rest * sizeof(T));
}

// The fused pass over whole tensors, broadcast to `shape`, into the memory of `spent` if there is
// one: an input of that shape.
template <class T, class F, std::size_t count>
Tensor map(const char* name, const Shape& shape, const F& f,
           const std::array<const Tensor*, count>& inputs, const Tensor* spent) {
  constexpr auto indices = std::make_index_sequence<count>{};
  Tensor result = spent ? Tensor(spent->storage(), shape, dtype_of<T>) : Tensor(shape, dtype_of<T>);
  T* const out = static_cast<T*>(const_cast<void*>(result.raw()));
  std::array<const T*, count> data;
  std::array<const Shape*, count> shapes;
  bool alike = true;
  for (std::size_t k = 0; k < count; ++k) {
    data[k] = static_cast<const T*>(inputs[k]->raw());
    shapes[k] = &inputs[k]->shape();
    alike &= *shapes[k] == shape;
  }
  const std::int64_t elements = result.elements();
  if (alike && elements <= block_elements) {
    std::array<bool, count> advances;
    advances.fill(true);
    map_run(out, data, advances, elements, f, indices);
    return result;
  }
  const Walk<count> walk = plan_walk<count>(name, shape, shapes);
  for_each_run(walk,
               [&](std::int64_t at, std::array<std::int64_t, count> offsets, std::int64_t length) {
                 std::array<const T*, count> operands;
                 for (std::size_t k = 0; k < count; ++k) operands[k] = data[k] + offsets[k];
                 map_run(out + at, operands, walk.advances, length, f, indices);
               });
  return result;
}

// One derivative without recording: a fused pass over the gradient and the operands it reads.
template <class T, class F, std::size_t count, std::size_t... i>
Tensor map_derivative(const Pullback& back, const char* name, const F& f, bool last,
                      std::index_sequence<i...>) {
  constexpr unsigned mask = operands_read<F, count>();
  std::array<Tensor, count> held;  // inputs, then the result
  std::array<const Tensor*, 1 + static_cast<std::size_t>(__builtin_popcount(mask))> read;
  read[0] = &back.gradient();
  std::size_t next = 1;
  for (std::size_t k = 0; k < count; ++k) {
    if (!(mask >> k & 1u)) continue;
    held[k] = k + 1 < count ? back.input(k) : back.output();
    read[next++] = &held[k];
  }
  // The batches arrive in the order of the operands read; each goes to its own place.
  const auto fused = [&f](const auto& g, const auto&... batches) {
    const std::tuple<const decltype(batches)&...> given(batches...);
    const auto operand = [&]<std::size_t k>(std::integral_constant<std::size_t, k>) {
      if constexpr ((mask >> k & 1u) != 0) {
        return std::get<__builtin_popcount(mask & ((1u << k) - 1))>(given);
      } else {
        return Unused{};
      }
    };
    return f(g, operand(std::integral_constant<std::size_t, i>{})...);
  };
  const Tensor& g = back.gradient();
  return map<T>(name, g.shape(), fused, read, last && reusable(g) ? &g : nullptr);
}

// The same with recording: the lambda is applied to the tensors themselves.
template <class F, std::size_t count, std::size_t... i>
Tensor apply_derivative(const Pullback& back, const F& f, std::index_sequence<i...>) {
  constexpr unsigned mask = operands_read<F, count>();
  const auto operand = [&]<std::size_t k>(std::integral_constant<std::size_t, k>) {
    if constexpr ((mask >> k & 1u) == 0) {
      return Unused{};
    } else if constexpr (k + 1 < count) {
      return back.input(k);
    } else {
      return back.output();
    }
  };
  return f(back.gradient(), operand(std::integral_constant<std::size_t, i>{})...);
}

// `last`: nobody reads the gradient of the result after this.
template <std::size_t count, class F>
Tensor derivative(const Pullback& back, const char* name, const F& f, bool last) {
  constexpr auto indices = std::make_index_sequence<count>{};
  if constexpr (std::is_same_v<F, Unchanged>) {
    return back.gradient();
  } else if (recording()) {
    return apply_derivative<F, count>(back, f, indices);
  } else {
    return with_float_type(name, back.gradient().dtype(), [&]<class T>(std::type_identity<T>) {
      return map_derivative<T, F, count>(back, name, f, last, indices);
    });
  }
}

/// The value of an elementwise operation and its record. `value` takes one batch an input. `spent`
/// is the first input where the caller will not look at it again, so that the result may take its
/// memory, or null.
template <class Value, class... F, class... Inputs>
Tensor elementwise(const char* name, const Value& value, const std::tuple<F...>& derivatives,
                   Tensor* spent, const Inputs&... inputs) {
  static_assert(sizeof...(F) == sizeof...(Inputs));
  constexpr std::size_t count = sizeof...(Inputs);
  const std::array<const Tensor*, count> tensors{&inputs...};
  if constexpr (count > 1) expect_one_dtype(name, tensors);
  if constexpr (count == 1) expect_defined(name, inputs...);
  Shape shape = tensors[0]->shape();
  for (std::size_t k = 1; k < count; ++k) {
    if (!(shape == tensors[k]->shape())) shape = broadcast_shapes(name, shape, tensors[k]->shape());
  }
  constexpr unsigned mask = (operands_read<F, count + 1>() | ...);
  if (spent) {
    const bool kept = (mask & 1u) != 0 && recording() && any_requires_grad(tensors);
    const bool twice = count > 1 && tensors[count - 1] == spent;
    if (kept || twice || !reusable(*spent) || !(spent->shape() == shape)) spent = nullptr;
  }
  Tensor result = with_float_type(name, tensors[0]->dtype(), [&]<class T>(std::type_identity<T>) {
    return map<T>(name, shape, value, tensors, spent);
  });
  constexpr Keep keep{.inputs = (mask & ((1u << count) - 1)) != 0,
                      .output = (mask >> count & 1u) != 0,
                      .only = mask};
  const auto rule = [name, derivatives](Pullback& back) {
    std::size_t last = count;
    while (last-- > 0 && !back.wants(last)) {
    }
    const auto each = [&]<std::size_t... k>(std::index_sequence<k...>) {
      (back.to(
           k,
           [&] { return derivative<count + 1>(back, name, std::get<k>(derivatives), k == last); }),
       ...);
    };
    each(std::make_index_sequence<count>{});
  };
  result = record(name, std::move(result), keep, rule, inputs...);
  if (spent) *spent = Tensor();  // the result is now the only way to the memory
  return result;
}

template <class Value, class... F, class... Inputs>
Tensor elementwise(const char* name, const Value& value, const std::tuple<F...>& derivatives,
                   const Tensor& first, const Inputs&... inputs) {
  return elementwise(name, value, derivatives, nullptr, first, inputs...);
}

}  // namespace mnemo::detail
