#include "report.hpp"

#include <dlfcn.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

std::vector<Result> results;
std::vector<std::pair<std::string, double>> checks;

// Which kernels OpenBLAS chose for this machine; asked at run time, mnemo's headers do not say.
const char* openblas_core() {
  using Ask = const char* (*)();
  const auto ask = reinterpret_cast<Ask>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  return ask ? ask() : "unknown";
}

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void print_json() {
  std::printf("{\"framework\":\"mnemo %s\",\"threads\":%d,\"openblas_core\":\"%s\",\"workloads\":{",
              std::string(mnemo::version()).c_str(), options().threads, openblas_core());
  const char* comma = "";
  for (const Result& r : results) {
    std::printf(
        "%s\"%s\":{\"median_ms\":%.6g,\"min_ms\":%.6g,\"max_ms\":%.6g,\"iters\":%zu,"
        "\"minflt_per_iter\":%.1f,\"other_cpu\":%.3f,\"steal\":%.3f,\"remark\":\"%s\"}",
        comma, r.name.c_str(), r.median, r.least, r.most, r.iterations, r.page_faults, r.others,
        r.stolen, r.remark.c_str());
    comma = ",";
  }
  std::printf("},\"checks\":{");
  comma = "";
  for (const auto& [name, value] : checks) {
    std::printf("%s\"%s\":%.9g", comma, name.c_str(), value);
    comma = ",";
  }
  std::printf("},\"peak_rss_mib\":%.1f}\n", peak_memory());
}

}  // namespace

void add_result(const Result& r) {
  results.push_back(r);
  if (!options().json) {
    std::printf("%s %.6g %.6g %.6g # iters=%zu minflt/iter=%.0f other_cpu=%.0f%% steal=%.0f%% %s\n",
                r.name.c_str(), r.median, r.least, r.most, r.iterations, r.page_faults,
                100 * r.others, 100 * r.stolen, r.remark.c_str());
    std::fflush(stdout);
  }
  if (r.others > 0.10 || r.stolen > 0.05) {
    std::fprintf(stderr, "# %s: the machine was not quiet (others %.0f%%, host %.0f%%)\n",
                 r.name.c_str(), 100 * r.others, 100 * r.stolen);
  }
}

void add_check(const std::string& name, double value) {
  checks.emplace_back(name, value);
  if (!options().json) std::printf("# CHECK %s %.8g\n", name.c_str(), value);
}

void begin_report() {
  if (options().json) return;
  const char* const forced = std::getenv("OPENBLAS_CORETYPE");
  std::printf("# mnemo %s threads=%d openblas_core=%s OPENBLAS_CORETYPE=%s\n",
              std::string(mnemo::version()).c_str(), options().threads, openblas_core(),
              forced ? forced : "(unset)");
}

void end_report() {
  if (options().json) {
    print_json();
  } else {
    std::printf("peak_rss_mib %.1f\n", peak_memory());
  }
}

}  // namespace bench
