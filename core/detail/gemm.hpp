#pragma once
#include <cstdint>

namespace mnemo::detail {

/// OpenBLAS 0.3.21 multiplies up to this volume straight from the operands, at full speed; above it,
/// it copies both into panels first, which pays for itself on blocks of at least 128 by 128.
inline constexpr std::int64_t unpacked_volume = 1'000'000;

/// C = alpha * op(A) op(B) + beta * C, row-major, op(A) is m x k, op(B) is k x n; `lda`, `ldb`,
/// `ldc` are the lengths of the stored rows. One call of OpenBLAS on the calling thread alone.
template <class T>
void gemm_serial(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
                 T alpha, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c,
                 std::int64_t ldc);

/// The same on the pool's threads. C is cut into blocks whose borders depend on m, n and k only,
/// each computed by one serial call, so that the bits do not depend on the number of threads.
template <class T>
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          T alpha, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c,
          std::int64_t ldc);

}  // namespace mnemo::detail
