// The workloads that mnemo's speed is measured with, one line each: NAME median min max (ms).
// compare.py runs this beside another program with the same command line and workloads.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <sstream>
#include <stdexcept>

#include "bench.hpp"
#include "report.hpp"

namespace {

constexpr const char* usage =
    "usage: mnemo_bench [--threads N] [--only NAME[,PREFIX*...]] [--reps N] [--seconds S]\n"
    "                   [--json] [--check] [--list] [--dir FOLDER]\n";

// Returns whether only the names are asked for.
bool read_command_line(int count, char** words) {
  bool list = false;
  bench::Options& options = bench::options();
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= count) throw std::invalid_argument(word + " wants a value");
      return words[++i];
    };
    if (word == "--threads") {
      options.threads = std::stoi(value());
    } else if (word == "--reps") {
      options.repetitions = std::stoi(value());
    } else if (word == "--seconds") {
      options.seconds = std::stod(value());
    } else if (word == "--dir") {
      options.folder = value();
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--check") {
      options.check = true;
    } else if (word == "--list") {
      list = true;
    } else if (word == "--only") {
      std::stringstream names(value());
      for (std::string name; std::getline(names, name, ',');) options.only.push_back(name);
    } else {
      throw std::invalid_argument("unknown option " + word);
    }
  }
  return list;
}

std::vector<bench::Workload> all_workloads() {
  std::vector<bench::Workload> all = bench::training_workloads();
  for (const auto& more : {bench::operation_workloads(), bench::storage_workloads()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

void expect_known(const std::vector<bench::Workload>& workloads) {
  for (const std::string& name : bench::options().only) {
    const bool known = name == "startup" || name.ends_with('*') ||
                       std::any_of(workloads.begin(), workloads.end(), [&](const auto& workload) {
                         return std::count(workload.names.begin(), workload.names.end(), name) > 0;
                       });
    if (!known) throw std::invalid_argument("no workload is named " + name + " (see --list)");
  }
}

int run(int count, char** words) {
  const auto begin = std::chrono::steady_clock::now();
  const bool list = read_command_line(count, words);
  const std::vector<bench::Workload> workloads = all_workloads();
  if (list) {
    for (const auto& workload : workloads) {
      for (const std::string& name : workload.names) std::puts(name.c_str());
    }
    std::puts("startup");
    return 0;
  }
  expect_known(workloads);
  mnemo::set_threads(bench::options().threads);
  if (bench::wanted("startup")) {
    const double loss = bench::startup();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    std::printf("startup %.6g %.6g %.6g # from main on; loss=%.8g\n", time.count(), time.count(),
                time.count(), loss);
    return std::isfinite(loss) ? 0 : 3;
  }
  bench::begin_report();
  for (const auto& workload : workloads) {
    if (std::any_of(workload.names.begin(), workload.names.end(), bench::wanted)) workload.run();
  }
  bench::end_report();
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "mnemo_bench: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mnemo_bench: %s\n", error.what());
    return 1;
  }
}
