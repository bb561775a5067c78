#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace mnemo {

/// The element types a tensor can have, named as NumPy names them. float32 and float64 compute and
/// differentiate; the others hold labels, masks, counters and whatever a NumPy file brings.
enum class DType : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,  ///< storage only: kept bit for bit, converted by `cast`
  float32,
  float64,
};

/// Bytes of one element.
std::size_t item_size(DType dtype);

/// NumPy's name: "bool", "int64", "float32", ...
std::string_view dtype_name(DType dtype);

/// True for float32 and float64, the types that compute and differentiate.
constexpr bool is_differentiable(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64;
}

/// True for the signed and unsigned integer types (not for bool).
constexpr bool is_integer(DType dtype) { return dtype >= DType::int8 && dtype <= DType::uint64; }

/// The bits of an IEEE 754 half-precision number: what `data<Half>()` of a float16 tensor points to.
struct Half {
  std::uint16_t bits;  ///< sign, 5 bits of exponent, 10 of fraction
};

/// `DTypeOf<T>::value` is the dtype that holds C++ type T; other types do not compile.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> : std::integral_constant<DType, DType::boolean> {};
template <>
struct DTypeOf<std::int8_t> : std::integral_constant<DType, DType::int8> {};
template <>
struct DTypeOf<std::int16_t> : std::integral_constant<DType, DType::int16> {};
template <>
struct DTypeOf<std::int32_t> : std::integral_constant<DType, DType::int32> {};
template <>
struct DTypeOf<std::int64_t> : std::integral_constant<DType, DType::int64> {};
template <>
struct DTypeOf<std::uint8_t> : std::integral_constant<DType, DType::uint8> {};
template <>
struct DTypeOf<std::uint16_t> : std::integral_constant<DType, DType::uint16> {};
template <>
struct DTypeOf<std::uint32_t> : std::integral_constant<DType, DType::uint32> {};
template <>
struct DTypeOf<std::uint64_t> : std::integral_constant<DType, DType::uint64> {};
template <>
struct DTypeOf<Half> : std::integral_constant<DType, DType::float16> {};
template <>
struct DTypeOf<float> : std::integral_constant<DType, DType::float32> {};
template <>
struct DTypeOf<double> : std::integral_constant<DType, DType::float64> {};
/// The dtype that holds C++ type T: `dtype_of<float> == DType::float32`.
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace mnemo
