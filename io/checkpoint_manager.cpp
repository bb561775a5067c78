#include <algorithm>
#include <charconv>
#include <cmath>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/detail/archive.hpp"
#include "mnemo/io/detail/note.hpp"
#include "mnemo/io/detail/zip_reader.hpp"

namespace mnemo::io {
namespace {

namespace fs = std::filesystem;
using detail::fail;
using detail::text;

constexpr std::size_t digits = 8;
constexpr std::string_view suffix = ".npz";

/// A damaged or foreign file has no metric.
std::optional<double> metric_of(const fs::path& path) {
  try {
    const detail::InputFile file(path);
    return detail::metric_in(detail::ZipReader(file).comment());
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

CheckpointManager::CheckpointManager(fs::path folder, ManagerOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  if (options_.prefix.find('/') != std::string::npos) {
    fail("checkpoints in ", folder_.string(), ": the prefix '", options_.prefix, "' has a '/'");
  }
  if (options_.keep_every < 0) {
    fail("checkpoints in ", folder_.string(), ": keep_every is ", options_.keep_every);
  }
}

fs::path CheckpointManager::path_for(std::int64_t step) const {
  if (step < 0) fail("checkpoints in ", folder_.string(), ": step ", step, " is negative");
  std::string number = text(step);
  if (number.size() < digits) number.insert(0, digits - number.size(), '0');
  return folder_ / text(options_.prefix, number, suffix);
}

std::vector<std::int64_t> CheckpointManager::steps() const {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(options_.prefix) || !name.ends_with(suffix)) continue;
    if (name.size() < options_.prefix.size() + digits + suffix.size()) continue;
    const char* const last = name.data() + name.size() - suffix.size();
    std::int64_t step = -1;
    const auto [stopped, problem] =
        std::from_chars(name.data() + options_.prefix.size(), last, step);
    if (problem != std::errc{} || stopped != last || step < 0) continue;
    if (path_for(step).filename() == name) steps.push_back(step);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    fail(folder_.string(), ": cannot be read: ", error.message());
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path CheckpointManager::save(std::int64_t step, const Variables& variables,
                                 std::optional<double> metric) const {
  const fs::path path = path_for(step);
  if (metric && std::isnan(*metric)) fail(path.string(), ": the metric is not a number");
  detail::write_archive(path, variables, options_.save.compression, detail::make_note(metric),
                        options_.save.durable);
  remove_old(step);
  return path;
}

void CheckpointManager::remove_old(std::int64_t saved) const {
  if (options_.keep == 0) return;
  std::vector<std::int64_t> candidates = steps();
  // Those beyond the step just saved are of a future that this run has left: they count as old too, or
  // the checkpoint just saved could be the one removed.
  const auto newest_first = [&](std::int64_t a, std::int64_t b) {
    return std::pair(a <= saved, a) > std::pair(b <= saved, b);
  };
  std::sort(candidates.begin(), candidates.end(), newest_first);
  const std::vector<std::int64_t> best = best_steps();
  for (std::size_t i = options_.keep; i < candidates.size(); ++i) {
    const std::int64_t step = candidates[i];
    const bool every = options_.keep_every > 0 && step % options_.keep_every == 0;
    if (every || std::find(best.begin(), best.end(), step) != best.end()) continue;
    std::error_code error;
    if (!fs::remove(path_for(step), error) && error && options_.warn) {
      options_.warn(text(path_for(step).string(), ": cannot be removed: ", error.message()));
    }
  }
}

std::vector<std::int64_t> CheckpointManager::best_steps() const {
  if (options_.keep_best == 0) return {};
  std::vector<std::pair<double, std::int64_t>> ranked = by_metric();
  if (ranked.size() > options_.keep_best) ranked.resize(options_.keep_best);
  std::vector<std::int64_t> best;
  for (const auto& [metric, step] : ranked) best.push_back(step);
  return best;
}

std::vector<std::pair<double, std::int64_t>> CheckpointManager::by_metric() const {
  std::vector<std::pair<double, std::int64_t>> ranked;
  for (const std::int64_t step : steps()) {
    if (const auto metric = metric_of(path_for(step))) {
      ranked.emplace_back(options_.lower_is_better ? *metric : -*metric, step);
    }
  }
  std::sort(ranked.begin(), ranked.end());  // of equal ones, the first
  return ranked;
}

bool CheckpointManager::readable(const fs::path& path) const {
  try {
    verify(path);
    return true;
  } catch (const Error& error) {
    if (options_.warn) options_.warn(text("passed over: ", error.what()));
    return false;
  }
}

std::optional<fs::path> CheckpointManager::latest() const {
  const std::vector<std::int64_t> all = steps();
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    if (readable(path_for(*step))) return path_for(*step);
  }
  return std::nullopt;
}

std::optional<fs::path> CheckpointManager::best() const {
  for (const auto& [metric, step] : by_metric()) {
    if (readable(path_for(step))) return path_for(step);
  }
  return std::nullopt;
}

}  // namespace mnemo::io
