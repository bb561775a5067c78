#include "mnemo/core/detail/gemm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "mnemo/core/parallel.hpp"

extern "C" int openblas_get_num_threads();
extern "C" int openblas_get_parallel();

namespace {

struct Product {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
};

template <class T>
std::vector<T> random_values(std::int64_t count, std::mt19937_64& random) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values)
    value = static_cast<T>(static_cast<double>(random() >> 40) / (1 << 23) - 1);
  return values;
}

// A sum of products, and of their absolute values.
struct Sum {
  double value = 0, magnitude = 0;
};

// The elements of the product, row by row.
template <class T>
std::vector<Sum> plain_product(const Product& p, const T* a, std::int64_t lda, const T* b,
                               std::int64_t ldb) {
  const std::int64_t a_step = p.transpose_a ? lda : 1, b_step = p.transpose_b ? 1 : ldb;
  std::vector<Sum> sums;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      const std::int64_t x = p.transpose_a ? i : i * lda;
      const std::int64_t y = p.transpose_b ? j * ldb : j;
      Sum sum;
      for (std::int64_t l = 0; l < p.k; ++l) {
        const double term =
            static_cast<double>(a[x + l * a_step]) * static_cast<double>(b[y + l * b_step]);
        sum.value += term;
        sum.magnitude += std::abs(term);
      }
      sums.push_back(sum);
    }
  }
  return sums;
}

// With gaps between the rows, so that strides and sides cannot be confused.
template <class T>
void check_against_loops(const Product& p, T alpha, T beta, std::mt19937_64& random) {
  CAPTURE(p.transpose_a);
  CAPTURE(p.transpose_b);
  CAPTURE(p.m);
  CAPTURE(p.n);
  CAPTURE(p.k);
  const std::int64_t lda = (p.transpose_a ? p.m : p.k) + 3, ldb = (p.transpose_b ? p.k : p.n) + 1;
  const std::int64_t ldc = p.n + 2;
  const std::vector<T> a = random_values<T>((p.transpose_a ? p.k : p.m) * lda, random);
  const std::vector<T> b = random_values<T>((p.transpose_b ? p.n : p.k) * ldb, random);
  std::vector<T> start = random_values<T>(p.m * ldc, random);
  if (beta == T(0)) std::fill(start.begin(), start.end(), std::numeric_limits<T>::quiet_NaN());
  const std::vector<Sum> sums = plain_product(p, a.data(), lda, b.data(), ldb);
  for (const bool serial : {true, false}) {
    std::vector<T> c = start;
    (serial ? mnemo::detail::gemm_serial<T>
            : mnemo::detail::gemm<T>)(p.transpose_a, p.transpose_b, p.m, p.n, p.k, alpha, a.data(),
                                      lda, b.data(), ldb, beta, c.data(), ldc);
    const double eps = std::numeric_limits<T>::epsilon();
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < ldc; ++j) {
        const auto place = static_cast<std::size_t>(i * ldc + j);
        if (j >= p.n) {  // the gap stays as it was
          wrong += std::memcmp(&c[place], &start[place], sizeof(T)) != 0;
          continue;
        }
        const Sum& sum = sums[static_cast<std::size_t>(i * p.n + j)];
        const double old = beta == T(0) ? 0 : static_cast<double>(beta * start[place]);
        const double unit = std::abs(alpha) * sum.magnitude + std::abs(old);
        wrong += !(std::abs(c[place] - (alpha * sum.value + old)) <=
                   eps * (2 + std::sqrt(static_cast<double>(p.k))) * unit);
      }
    }
    CHECK(wrong == 0);
  }
}

const std::int64_t sizes[][3] = {{1, 1, 1},       {1, 7, 5},      {5, 1, 9},      {3, 4, 0},
                                 {0, 4, 3},       {4, 0, 3},      {32, 32, 32},   {33, 17, 65},
                                 {130, 5, 9},     {5, 700, 9},    {64, 300, 100}, {600, 64, 64},
                                 {130, 260, 150}, {300, 70, 129}, {1, 1500, 900}, {1030, 2, 600}};

}  // namespace

TEST_CASE("OpenBLAS has no threads of its own once a program has begun") {
  // 1 is the pthread build; sanitizers have threads, too.
  if (std::getenv("MNEMO_SANITIZED") || openblas_get_parallel() != 1) return;
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  CHECK(threads() == 1);
  std::vector<double> one(1);
  mnemo::detail::gemm<double>(false, false, 1, 1, 1, 1.0, one.data(), 1, one.data(), 1, 0.0,
                              one.data(), 1);
  CHECK(openblas_get_num_threads() == 1);
  CHECK(threads() == 1);  // where they were asked for just one, they have not come back
}

TEST_CASE("matrix products agree with plain loops") {
  std::mt19937_64 random(1);
  for (const auto& size : sizes) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        const Product p{ta, tb, size[0], size[1], size[2]};
        check_against_loops<float>(p, 1.0f, 0.0f, random);
        check_against_loops<double>(p, 1.0, 0.0, random);
        check_against_loops<float>(p, 0.5f, 1.0f, random);
        check_against_loops<double>(p, -1.5, 0.25, random);
      }
    }
  }
}

TEST_CASE("a product of nothing scales what is there, and beta 0 forgets it") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double a = 3, b = 5;
  double c = 2;
  mnemo::detail::gemm(false, false, 1, 1, 0, 1.0, &a, 1, &b, 1, 0.5, &c, 1);
  CHECK(c == 1.0);
  c = nan;
  mnemo::detail::gemm(false, false, 1, 1, 0, 1.0, &a, 1, &b, 1, 0.0, &c, 1);
  CHECK(c == 0.0);
  c = nan;
  mnemo::detail::gemm(false, false, 1, 1, 1, 2.0, &a, 1, &b, 1, 0.0, &c, 1);
  CHECK(c == 30.0);
}

TEST_CASE("the bits of a product do not depend on the number of threads") {
  std::mt19937_64 random(2);
  const int before = mnemo::threads();
  for (const auto& size : sizes) {
    const std::int64_t m = size[0], n = size[1], k = size[2];
    if (m * n == 0) continue;
    for (const bool tb : {false, true}) {
      const std::vector<float> a = random_values<float>(m * k, random);
      const std::vector<float> b = random_values<float>(n * k, random);
      std::vector<std::vector<float>> results;
      for (const int threads : {1, 2, 3}) {
        mnemo::set_threads(threads);
        results.emplace_back(static_cast<std::size_t>(m * n));
        mnemo::detail::gemm(false, tb, m, n, k, 1.0f, a.data(), k, b.data(), tb ? k : n, 0.0f,
                            results.back().data(), n);
      }
      for (const auto& result : results) {
        CHECK((result.empty() ||
               std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)) == 0));
      }
    }
  }
  mnemo::set_threads(before);
}
