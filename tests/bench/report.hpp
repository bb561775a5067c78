#pragma once
#include <cstddef>
#include <string>

namespace bench {

/// Times in milliseconds; `others` and `stolen` are the shares of the machine's processors that other
/// processes and the host took meanwhile.
struct Result {
  std::string name;
  double median = 0, least = 0, most = 0;
  std::size_t iterations = 0;
  double page_faults = 0, others = 0, stolen = 0;
  std::string remark;
};

/// Prints a line, or keeps the result for the JSON.
void add_result(const Result& result);
void add_check(const std::string& name, double value);
/// The comment lines before the first result.
void begin_report();
/// Peak memory, or all of the JSON.
void end_report();

}  // namespace bench
