#pragma once
#include <cstdint>
#include <type_traits>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {

/// Calls `body(std::type_identity<T>{})` with the C++ type that `dtype` stands for.
template <class Body>
decltype(auto) with_any_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::boolean: return body(std::type_identity<bool>{});
    case DType::int8: return body(std::type_identity<std::int8_t>{});
    case DType::int16: return body(std::type_identity<std::int16_t>{});
    case DType::int32: return body(std::type_identity<std::int32_t>{});
    case DType::int64: return body(std::type_identity<std::int64_t>{});
    case DType::uint8: return body(std::type_identity<std::uint8_t>{});
    case DType::uint16: return body(std::type_identity<std::uint16_t>{});
    case DType::uint32: return body(std::type_identity<std::uint32_t>{});
    case DType::uint64: return body(std::type_identity<std::uint64_t>{});
    case DType::float16: return body(std::type_identity<Half>{});
    case DType::float32: return body(std::type_identity<float>{});
    case DType::float64: break;
  }
  return body(std::type_identity<double>{});
}

/// The same for numbers and bool; throws Error naming `operation` for float16, which is only stored.
template <class Body>
Tensor with_number(const char* operation, DType dtype, const Body& body) {
  return with_any_type(dtype, [&]<class T>(std::type_identity<T> type) -> Tensor {
    if constexpr (std::is_same_v<T, Half>) {
      fail(operation, ": float16 is for storage only; convert with cast()");
    } else {
      return body(type);
    }
  });
}

/// The same for the two types that compute; throws Error naming `operation` for any other.
template <class Body>
decltype(auto) with_float_type(const char* operation, DType dtype, const Body& body) {
  if (dtype == DType::float32) return body(std::type_identity<float>{});
  if (dtype == DType::float64) return body(std::type_identity<double>{});
  fail(operation, ": computes in float32 and float64, not in ", dtype, "; convert with cast()");
}

}  // namespace mnemo::detail
