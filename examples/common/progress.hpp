#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace examples {

/// Shows on stdout how far a run is: on a terminal a bar that is drawn over itself, otherwise a line
/// every ten seconds and at the end. What it shows: step, steps per second, time left, and named
/// values such as losses.
class Progress {
 public:
  Progress(std::vector<std::string> names, std::int64_t first_step, std::int64_t last_step);

  void update(std::int64_t step, std::span<const float> values);
  /// Prints a line of text; a bar goes on below it.
  void note(const std::string& text);
  /// Shows the last update, if it has not been, and ends the bar's line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::string description() const;
  void show();

  std::vector<std::string> names_;
  std::int64_t first_step_;
  std::int64_t last_step_;
  bool terminal_;
  Clock::time_point begin_;
  Clock::time_point shown_;
  std::int64_t step_;
  std::vector<float> values_;
  bool pending_ = false;    // an update that has not been shown
  bool bar_drawn_ = false;  // the cursor stands behind a bar
};

}  // namespace examples
