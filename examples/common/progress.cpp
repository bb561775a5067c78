#include "common/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace examples {
namespace {

constexpr auto redraw_every = std::chrono::milliseconds(100);
constexpr auto line_every = std::chrono::seconds(10);

bool stdout_is_terminal() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

int terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string duration(double seconds) {
  const auto whole = static_cast<long long>(std::min(seconds + 0.5, 3.6e9));
  char text[64];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  }
  return text;
}

}  // namespace

Progress::Progress(std::vector<std::string> names, std::int64_t first_step, std::int64_t last_step)
    : names_(std::move(names)),
      first_step_(first_step),
      last_step_(last_step),
      terminal_(stdout_is_terminal()),
      begin_(Clock::now()),
      shown_(begin_),
      step_(first_step) {
  // "generator_loss" is a good name for a column; in a line that is short of room the rest says it all.
  for (std::string& name : names_) {
    if (name.ends_with("_loss")) name.resize(name.size() - 5);
  }
}

void Progress::update(std::int64_t step, std::span<const float> values) {
  step_ = step;
  values_.assign(values.begin(), values.end());
  pending_ = true;
  const auto since = Clock::now() - shown_;
  if (terminal_ ? !bar_drawn_ || since >= redraw_every : since >= line_every) show();
}

void Progress::note(const std::string& text) {
  if (bar_drawn_) std::fputs("\r\033[K", stdout);
  bar_drawn_ = false;
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void Progress::finish() {
  if (pending_) show();
  if (bar_drawn_) std::fputs("\n", stdout);
  bar_drawn_ = false;
  std::fflush(stdout);
}

std::string Progress::description() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  const auto done = static_cast<double>(step_ - first_step_);
  const double rate = seconds > 0 ? done / seconds : 0.0;
  std::string text = "step " + std::to_string(step_) + "/" + std::to_string(last_step_);
  text += number(rate < 100 ? "  %.1f steps/s" : "  %.0f steps/s", rate);
  if (rate > 0) text += "  " + duration(static_cast<double>(last_step_ - step_) / rate) + " left";
  for (std::size_t i = 0; i < values_.size() && i < names_.size(); ++i) {
    text += "  " + names_[i] + " " + number("%.4f", static_cast<double>(values_[i]));
  }
  return text;
}

void Progress::show() {
  const double share =
      last_step_ > 0 ? static_cast<double>(step_) / static_cast<double>(last_step_) : 1.0;
  std::string line = number("%3.0f %%", 100.0 * std::min(share, 1.0));
  std::string text = description();
  if (terminal_) {
    const auto columns = static_cast<std::size_t>(std::max(terminal_columns() - 1, 20));
    const std::size_t taken = line.size() + text.size() + 5;
    if (columns >= taken + 10) {
      const std::size_t width = std::min<std::size_t>(columns - taken, 40);
      const auto filled =
          static_cast<std::size_t>(std::min(share, 1.0) * static_cast<double>(width));
      line += " [" + std::string(filled, '=') + std::string(width - filled, ' ') + "]";
    }
    line = (line + "  " + text).substr(0, columns);
    std::printf("\r%s\033[K", line.c_str());
    bar_drawn_ = true;
  } else {
    std::printf("%s  %s\n", line.c_str(), text.c_str());
  }
  std::fflush(stdout);
  shown_ = Clock::now();
  pending_ = false;
}

}  // namespace examples
