#include "mnemo/core/detail/gemm.hpp"

#include <cblas.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <type_traits>

#include "mnemo/core/detail/division.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/scratch.hpp"
#include "mnemo/core/detail/strided.hpp"
#include "mnemo/core/detail/text.hpp"

// Of OpenBLAS's pthread build, which calls it before a fork, and starts its threads again once
// somebody asks for them; null in other builds.
extern "C" int blas_thread_shutdown_() __attribute__((weak));  // NOLINT: its name

namespace mnemo::detail {
namespace {

// OpenBLAS on several threads rounds differently and fights our pool for the processors. Its
// pthread build counts threads for the whole process, its OpenMP build for each calling thread, and
// anybody may have changed the number since: so both are looked at, which costs a nanosecond.
void use_one_blas_thread() {
  thread_local bool pinned = openblas_get_parallel() != OPENBLAS_OPENMP;
  if (pinned && openblas_get_num_threads() == 1) return;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  openblas_set_num_threads(1);
  pinned = true;
}

// From the start of a program on, OpenBLAS's threads watch for work, for up to a tenth of a second,
// and take processors from ours. They are ended before main, and only where no other thread exists,
// which might be using them.
[[maybe_unused]] const bool blas_threads_ended = [] {
  const int blas_threads = openblas_get_num_threads();  // this one is among them
  use_one_blas_thread();
  struct stat tasks {};  // has as many links as there are threads, and two more
  const bool alone = ::stat("/proc/self/task", &tasks) == 0 &&
                     tasks.st_nlink == static_cast<nlink_t>(blas_threads) + 2;
  if (!alone || openblas_get_parallel() != OPENBLAS_THREAD || !blas_thread_shutdown_) return false;
  blas_thread_shutdown_();
  return true;
}();

void cblas_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                float alpha, const float* a, blasint lda, const float* b, blasint ldb, float beta,
                float* c, blasint ldc) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void cblas_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
                double alpha, const double* a, blasint lda, const double* b, blasint ldb,
                double beta, double* c, blasint ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
void scale(std::int64_t m, std::int64_t n, T beta, T* c, std::int64_t ldc) {
  if (beta == T(1)) return;
  for (std::int64_t i = 0; i < m; ++i) {
    T* const row = c + i * ldc;
    if (beta == T(0)) {
      std::fill_n(row, n, T(0));
    } else {
      for (std::int64_t j = 0; j < n; ++j) row[j] *= beta;
    }
  }
}

void check_sizes(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t lda, std::int64_t ldb,
                 std::int64_t ldc) {
  if (std::max({m, n, k, lda, ldb, ldc}) > std::numeric_limits<blasint>::max()) {
    fail("matrix product: [", m, ", ", k, "] by [", k, ", ", n,
         "] has a side longer than this build of OpenBLAS can count");
  }
}

// Without panels, OpenBLAS is up to twice as slow where only b is transposed. A copy of b in rows costs
// less than that where there are enough rows to multiply.
bool is_slow(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k) {
  return transpose_b && !transpose_a && m >= 32 && m * n >= 1024 && m * n <= unpacked_volume / k;
}

struct Blocks {
  std::int64_t rows, columns;
};

// A side in an even number of pieces of nearly the same length, none longer than `most`: three would
// keep one of two threads waiting.
std::int64_t piece(std::int64_t side, std::int64_t most) {
  const std::int64_t pieces = ceil_div(ceil_div(side, most), 2) * 2;
  return ceil_div(ceil_div(side, pieces), 16) * 16;
}

// The borders may depend on the sizes only. Blocks are large enough to run at the speed of the
// whole, and there are four or more where the product is worth sharing out; of a large square only
// two, since copies into panels would cost more. OpenBLAS likes whole rows better than columns.
Blocks cut(bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k) {
  if (m * n <= unpacked_volume / std::max<std::int64_t>(k, 1)) return {m, n};
  const bool tall = m >= n && n <= 128 && k <= 128 && !transpose_b;
  if (tall) return {unpacked_volume / (n * k) / 16 * 16, n};  // many blocks that need no panels
  const auto quarter = [](std::int64_t side, std::int64_t most) {
    return piece(side, std::clamp<std::int64_t>(side / 4, 64, most));
  };
  if (2 * m < n) return {m, quarter(n, std::max<std::int64_t>(512, (1 << 18) / m))};
  return {m < 1024 ? quarter(m, 512) : piece(m, 512), n};
}

}  // namespace

template <class T>
void gemm_serial(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
                 T alpha, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c,
                 std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0 || alpha == T(0)) return scale(m, n, beta, c, ldc);
  check_sizes(m, n, k, lda, ldb, ldc);
  if (is_slow(transpose_a, transpose_b, m, n, k)) {
    T* const rows = scratch<T>(Slot::transposed, k * n);
    copy_strided(sizeof(T), {{n, ldb, 1}, {k, 1, n}}, b, rows);
    return gemm_serial(false, false, m, n, k, alpha, a, lda, rows, n, beta, c, ldc);
  }
  use_one_blas_thread();
  const auto size = [](std::int64_t value) { return static_cast<blasint>(value); };
  cblas_gemm(transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
             size(m), size(n), size(k), alpha, a, size(lda), b, size(ldb), beta, c, size(ldc));
}

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          T alpha, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c,
          std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  const Blocks block = cut(transpose_b, m, n, k);
  const std::int64_t down = ceil_div(m, block.rows), across = ceil_div(n, block.columns);
  parallel_blocks(down * across, [&](std::int64_t index) {
    const std::int64_t i = index / across * block.rows, j = index % across * block.columns;
    gemm_serial(transpose_a, transpose_b, std::min(block.rows, m - i),
                std::min(block.columns, n - j), k, alpha, a + (transpose_a ? i : i * lda), lda,
                b + (transpose_b ? j * ldb : j), ldb, beta, c + i * ldc + j, ldc);
  });
}

template void gemm_serial(bool, bool, std::int64_t, std::int64_t, std::int64_t, float, const float*,
                          std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
template void gemm_serial(bool, bool, std::int64_t, std::int64_t, std::int64_t, double,
                          const double*, std::int64_t, const double*, std::int64_t, double, double*,
                          std::int64_t);
template void gemm(bool, bool, std::int64_t, std::int64_t, std::int64_t, float, const float*,
                   std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
template void gemm(bool, bool, std::int64_t, std::int64_t, std::int64_t, double, const double*,
                   std::int64_t, const double*, std::int64_t, double, double*, std::int64_t);

}  // namespace mnemo::detail
