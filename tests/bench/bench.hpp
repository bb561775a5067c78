#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mnemo/mnemo.hpp"

/// The harness of mnemo_bench: options, data that any framework can make, timing, output.
namespace bench {

struct Options {
  int threads = 2;
  int repetitions = 0;   ///< above 0: time exactly so many iterations
  double seconds = 2.5;  ///< otherwise time for about this long, at least five
  bool json = false;
  bool check = false;  ///< also compute the values that any framework must reproduce
  std::string folder = "/tmp";
  std::vector<std::string> only;  ///< names, or prefixes that end in '*'; empty for all but startup
};
Options& options();

/// Whether the command line asks for this workload.
bool wanted(const std::string& name);

/// Element i of a tensor with `seed` is a hash of (seed, i), uniform in [low, high).
mnemo::Tensor fixed(const mnemo::Shape& shape, std::uint64_t seed, double low, double high);
/// i mod classes.
mnemo::Tensor cyclic_labels(std::int64_t count, std::int64_t classes);
/// Fills weights and their biases in ±1/sqrt(fan in) with seeds that count up, starting with `seed`;
/// leaves normalisations as they are. Returns the next seed.
std::uint64_t fill_parameters(const mnemo::Variables& parameters, std::uint64_t seed);

struct Plan {
  int warm_up = 3;                    ///< iterations at least
  double warm_up_seconds = 0.3;       ///< and at least for so long
  double share = 1.0;                 ///< of Options::seconds
  std::function<void()> before = {};  ///< untimed, before each iteration
};

/// Times `iteration` and records the result. `remark` is told the median in milliseconds.
void measure(const std::string& name, const std::function<void()>& iteration,
             const std::function<std::string(double)>& remark = {}, const Plan& plan = {});

/// Records a value that any framework must reproduce. Ends the program if it is not finite.
void check(const std::string& name, double value);
/// The mean of the absolute values, for `check`.
double mean_abs(const mnemo::Tensor& tensor);
/// With --check: the losses before the 1st, 2nd and 11th update, from the start.
void check_losses(const std::string& name, const std::function<double()>& step);

struct Workload {
  std::vector<std::string> names;
  std::function<void()> run;
};
std::vector<Workload> training_workloads();   // training.cpp
std::vector<Workload> operation_workloads();  // operations.cpp
std::vector<Workload> storage_workloads();    // storage.cpp
/// One mlp_step from nothing; its loss.
double startup();

}  // namespace bench
