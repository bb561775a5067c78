// What this machine can do at best, one line each: NAME rate. Rates of the best of several runs:
// sgemm in GF/s, triad (a = b + s c) in GB/s counted as three streams, files in MB/s.
//   ceilings [THREADS [FOLDER]]
#include <cblas.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

void triad(int threads) {
  const std::size_t count = 16 << 20, share = count / static_cast<std::size_t>(threads);
  std::vector<float> a(count, 1.0f), b(count, 2.0f), c(count, 3.0f);
  const double seconds = best_seconds(12, nothing, [&] {
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, begin = static_cast<std::size_t>(t) * share] {
        float* const to = a.data() + begin;
        const float *const x = b.data() + begin, *const y = c.data() + begin;
        for (std::size_t i = 0; i < share; ++i) to[i] = x[i] + 0.5f * y[i];
      });
    }
    for (std::thread& worker : workers) worker.join();
  });
  std::printf("triad %.1f\n", 12.0 * static_cast<double>(share) * threads / seconds * 1e-9);
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
  triad(threads);
  files(count > 2 ? words[2] : "/tmp");
}
