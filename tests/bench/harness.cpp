#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench.hpp"
#include "report.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Seconds of processor time since boot: of everybody, taken by the host, and of this process.
struct ProcessorTime {
  double busy = 0, stolen = 0, own = 0;
  long page_faults = 0;

  static ProcessorTime now() {
    ProcessorTime time;
    std::ifstream file("/proc/stat");
    std::string word;
    double user = 0, nice = 0, system = 0, idle = 0, io = 0, irq = 0, softirq = 0, steal = 0;
    file >> word >> user >> nice >> system >> idle >> io >> irq >> softirq >> steal;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    time.busy = (user + nice + system + irq + softirq) / ticks;
    time.stolen = steal / ticks;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    time.own = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    time.page_faults = usage.ru_minflt;
    return time;
  }
};

std::vector<double> time_iterations(const std::function<void()>& iteration, const Plan& plan) {
  std::vector<double> times;
  times.reserve(1 << 16);
  const Clock::time_point start = Clock::now();
  for (bool done = false; !done;) {
    if (plan.before) plan.before();
    const Clock::time_point begin = Clock::now();
    iteration();
    times.push_back(1e3 * seconds_since(begin));
    const int count = static_cast<int>(times.size());
    done = options().repetitions > 0
               ? count >= options().repetitions
               : count >= 5 && seconds_since(start) >= options().seconds * plan.share;
  }
  return times;
}

}  // namespace

Options& options() {
  static Options instance;
  return instance;
}

bool wanted(const std::string& name) {
  const std::vector<std::string>& only = options().only;
  if (only.empty()) return name != "startup";
  return std::any_of(only.begin(), only.end(), [&](const std::string& pattern) {
    if (pattern.ends_with('*')) {
      return name != "startup" && name.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    return name == pattern;
  });
}

mnemo::Tensor fixed(const mnemo::Shape& shape, std::uint64_t seed, double low, double high) {
  mnemo::Tensor tensor(shape, mnemo::DType::float32);
  std::uint64_t counter = seed;
  for (float& value : tensor.mutable_span<float>()) {  // splitmix64
    std::uint64_t z = counter += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    value = static_cast<float>(low + (high - low) * std::ldexp(static_cast<double>(z >> 40), -24));
  }
  return tensor;
}

mnemo::Tensor cyclic_labels(std::int64_t count, std::int64_t classes) {
  mnemo::Tensor labels({count}, mnemo::DType::int64);
  std::int64_t i = 0;
  for (std::int64_t& label : labels.mutable_span<std::int64_t>()) label = i++ % classes;
  return labels;
}

std::uint64_t fill_parameters(const mnemo::Variables& parameters, std::uint64_t seed) {
  const mnemo::NoGrad writing;
  double bound = 0;  // of the layer last met; 0 for a normalisation
  for (const auto& [name, tensor] : parameters) {
    if (name.ends_with("weight")) {
      bound = tensor.rank() < 2
                  ? 0.0
                  : 1 / std::sqrt(static_cast<double>(tensor.elements() / tensor.size(0)));
    }
    if (bound > 0) tensor.assign(fixed(tensor.shape(), seed++, -bound, bound));
  }
  return seed;
}

void measure(const std::string& name, const std::function<void()>& iteration,
             const std::function<std::string(double)>& remark, const Plan& plan) {
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < plan.warm_up || seconds_since(begin) < plan.warm_up_seconds; ++i) {
    if (plan.before) plan.before();
    iteration();
  }
  const ProcessorTime before = ProcessorTime::now();
  const Clock::time_point start = Clock::now();
  std::vector<double> times = time_iterations(iteration, plan);
  const double processors = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const double room = seconds_since(start) * processors;
  const ProcessorTime after = ProcessorTime::now();
  std::sort(times.begin(), times.end());

  Result result;
  result.name = name;
  const std::size_t half = times.size() / 2;
  result.median = times.size() % 2 ? times[half] : 0.5 * (times[half - 1] + times[half]);
  result.least = times.front();
  result.most = times.back();
  result.iterations = times.size();
  result.page_faults = static_cast<double>(after.page_faults - before.page_faults) /
                       static_cast<double>(times.size());
  const double others = (after.busy - before.busy) - (after.own - before.own);
  result.others = std::max(0.0, others / room);
  result.stolen = (after.stolen - before.stolen) / room;
  if (remark) result.remark = remark(result.median);
  add_result(result);
}

void check(const std::string& name, double value) {
  add_check(name, value);
  if (std::isfinite(value)) return;
  std::fprintf(stderr, "mnemo_bench: check %s gives %g\n", name.c_str(), value);
  std::exit(3);
}

double mean_abs(const mnemo::Tensor& tensor) {
  double sum = 0;
  for (const float value : tensor.span<float>()) sum += std::abs(static_cast<double>(value));
  return sum / static_cast<double>(tensor.elements());
}

void check_losses(const std::string& name, const std::function<double()>& step) {
  for (int i = 0; i <= 10; ++i) {
    const double loss = step();
    if (i == 0 || i == 1 || i == 10) check(name + "@" + std::to_string(i), loss);
  }
}

}  // namespace bench
