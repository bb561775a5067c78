// What this machine can do at best, one line each: NAME rate. Rates of the best of several runs:
// sgemm in GF/s; memory in GB/s, each stream read or written counted once: triad (a = b + s c,
// plain and with stores past the caches), update in place, read; files in MB/s.
//   ceilings [THREADS [FOLDER]]
#include <cblas.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

double best_seconds(int runs, const std::function<void()>& before,
                    const std::function<void()>& run) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    before();
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}

void nothing() {}

void sgemm(int threads) {
  openblas_set_num_threads(threads);
  const int n = 2048;
  const std::vector<float> a(n * n, 1.0f), b(n * n, 1.0f);
  std::vector<float> c(n * n);
  const double seconds = best_seconds(12, nothing, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.data(), n, b.data(), n, 0,
                c.data(), n);
  });
  std::printf("sgemm %.1f\n", 2.0 * n * n * n / seconds * 1e-9);
}

// Large pages, as the library's own storage has them.
using Floats = std::unique_ptr<float[], decltype(&std::free)>;
Floats floats(std::size_t count, float value) {
  constexpr std::size_t page = std::size_t{2} << 20;
  const std::size_t bytes = (count * sizeof(float) + page - 1) / page * page;
  Floats result(static_cast<float*>(std::aligned_alloc(page, bytes)), &std::free);
  madvise(result.get(), bytes, MADV_HUGEPAGE);
  std::fill_n(result.get(), count, value);
  return result;
}

// The time of `run(begin, end)` on shares of the elements, from the first to start to the last to
// end, so that starting the threads does not count.
template <class Run>
double best_of_threads(int threads, std::size_t count, const Run& run) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int repetition = 0; repetition < 25; ++repetition) {
    std::vector<Clock::time_point> starts(static_cast<std::size_t>(threads)), ends = starts;
    std::vector<std::thread> workers;
    std::atomic<int> present = 0;
    for (std::size_t t = 0; t < starts.size(); ++t) {
      workers.emplace_back([&, t] {
        for (++present; present < threads;) {
        }
        starts[t] = Clock::now();
        run(count / starts.size() * t, count / starts.size() * (t + 1));
        ends[t] = Clock::now();
      });
    }
    for (std::thread& worker : workers) worker.join();
    const std::chrono::duration<double> time = *std::max_element(ends.begin(), ends.end()) -
                                               *std::min_element(starts.begin(), starts.end());
    best = std::min(best, time.count());
  }
  return best;
}

// A store that does not fetch what it overwrites, where the compiler knows one.
void store_past_caches(const float* from, float* to) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, _mm512_loadu_ps(from));
#elif defined(__SSE2__)
  for (int i = 0; i < 16; i += 4) _mm_stream_ps(to + i, _mm_loadu_ps(from + i));
#else
  std::copy_n(from, 16, to);
#endif
}

void memory(int threads) {
  const std::size_t count = 16 << 20;
  const Floats a = floats(count, 1.0f), b = floats(count, 2.0f), c = floats(count, 3.0f);
  const auto print = [&](const char* name, double streams, const auto& run) {
    const double seconds = best_of_threads(threads, count, run);
    std::printf("%s %.1f\n", name, 4.0 * streams * static_cast<double>(count) / seconds * 1e-9);
  };
  print("triad", 3, [&](std::size_t begin, std::size_t end) {
    const float *const x = b.get(), *const y = c.get();
    float* const to = a.get();
    for (std::size_t i = begin; i < end; ++i) to[i] = x[i] + 0.5f * y[i];
  });
  print("triad_nontemporal", 3, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; i += 16) {
      float sums[16];
      for (std::size_t k = 0; k < 16; ++k) sums[k] = b[i + k] + 0.5f * c[i + k];
      store_past_caches(sums, &a[i]);
    }
  });
  print("update", 2, [&](std::size_t begin, std::size_t end) {
    float* const x = a.get();
    for (std::size_t i = begin; i < end; ++i) x[i] *= 0.999f;
  });
  print("read", 1, [&](std::size_t begin, std::size_t end) {
    float sums[64] = {};
    for (std::size_t i = begin; i < end; i += 64) {
      for (std::size_t k = 0; k < 64; ++k) sums[k] += b[i + k];
    }
    b[begin] = *std::max_element(sums, sums + 64) > 0 ? 2.0f : 0.0f;
  });
}

[[noreturn]] void fail(const std::string& path) {
  std::perror(path.c_str());
  std::exit(1);
}

void files(const std::string& folder) {
  const std::string path = folder + "/ceilings." + std::to_string(getpid());
  constexpr std::size_t size = 400'000'000, piece = 8'000'000;
  std::vector<char> bytes(size, 'x');
  const auto clear = [&] {
    unlink(path.c_str());
    sync();
  };
  const auto write_all = [&](bool flush) {
    const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (file < 0) fail(path);
    for (std::size_t at = 0; at < size; at += piece) {
      if (write(file, bytes.data() + at, piece) != static_cast<ssize_t>(piece)) fail(path);
    }
    if (flush && fsync(file) != 0) fail(path);
    close(file);
  };
  const auto read_all = [&] {
    const int file = open(path.c_str(), O_RDONLY);
    if (file < 0) fail(path);
    for (std::size_t at = 0; at < size; at += piece) {
      if (read(file, bytes.data() + at, piece) != static_cast<ssize_t>(piece)) fail(path);
    }
    close(file);
  };
  const auto print = [](const char* name, double seconds) {
    std::printf("%s %.0f\n", name, 1e-6 * static_cast<double>(size) / seconds);
  };
  print("file_write", best_seconds(5, clear, [&] { write_all(false); }));
  print("file_write_fsync", best_seconds(5, clear, [&] { write_all(true); }));
  print("file_read", best_seconds(5, nothing, read_all));
  unlink(path.c_str());
}

}  // namespace

int main(int count, char** words) {
  const int threads = count > 1 ? std::max(1, std::atoi(words[1])) : 2;
  sgemm(threads);
  openblas_set_num_threads(1);
  memory(threads);
  files(count > 2 ? words[2] : "/tmp");
}
