#include "common/run.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>
#include <utility>

#include "common/stop.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/io/checkpoint.hpp"

namespace examples {
namespace {

using mnemo::Error;
namespace fs = std::filesystem;

constexpr int step_digits = 8;

std::string padded(std::int64_t step) {
  std::string digits = std::to_string(step);
  if (digits.size() < step_digits) digits.insert(0, step_digits - digits.size(), '0');
  return digits;
}

/// The step in a name such as step_00000060.npz; nothing for other names.
std::optional<std::int64_t> step_in(const std::string& name, const std::string& prefix,
                                    const std::string& suffix) {
  if (name.size() < prefix.size() + step_digits + suffix.size() || name.size() > 64 ||
      !name.starts_with(prefix) || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* const begin = name.data() + prefix.size();
  const char* const end = name.data() + name.size() - suffix.size();
  const auto [stopped, error] = std::from_chars(begin, end, step);
  if (error != std::errc{} || stopped != end || step < 0) return std::nullopt;
  return step;
}

/// The files that a run in `folder` has left there, by name.
std::vector<fs::path> files_of_a_run(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "losses.csv" || step_in(name, "step_", ".npz") ||
        step_in(name, "samples_", ".png")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

void add_run_options(CommandLine& command_line, RunOptions& options) {
  constexpr std::int64_t most_batch = 1 << 20;
  constexpr std::int64_t most_threads = 1024;
  command_line.option(
      "--data", options.data,
      "Folder with the files of Fashion-MNIST, or 'synthetic' for a generated data set");
  command_line.option("--steps", options.steps,
                      "Train until this step, counted from the run's beginning", 1);
  command_line.option("--epochs", options.epochs,
                      "Train until this many epochs (" + std::to_string(options.default_epochs) +
                          " if neither this nor --steps is given)",
                      1);
  command_line.exclusive("--steps", "--epochs");
  command_line.option("--batch", options.batch,
                      "Pictures of a batch (" + std::to_string(RunOptions::default_batch) +
                          ", or the checkpoint's)",
                      1, most_batch);
  command_line.option("--seed", options.seed,
                      "All random numbers follow from it (" +
                          std::to_string(RunOptions::default_seed) + ", or the checkpoint's)",
                      0);
  command_line.option("--threads", options.threads,
                      "Threads to compute with (all processors); the results do not depend on it",
                      1, most_threads);
  command_line.option("--out", options.out, "Folder for everything that the run writes");
  command_line.option("--checkpoint-every", options.checkpoint_every,
                      "Save the whole state every N steps, and at the end", 1);
  command_line.option("--keep", options.keep, "Keep the newest N checkpoints; 0 keeps all", 0);
  command_line.flag(
      "--resume", options.resume,
      "Go on from the newest readable checkpoint in --out, or begin if there is none");
  command_line.flag(
      "--overwrite", options.overwrite,
      "Remove an earlier run's checkpoints, losses.csv and pictures from --out first");
  command_line.exclusive("--resume", "--overwrite");
}

TrainingRun::TrainingRun(const CommandLine& command_line, const RunOptions& options,
                         mnemo::Variables state, std::vector<std::string> columns)
    : program_(command_line.program()),
      resume_command_(command_line.repeated_with("--resume", "--overwrite")),
      options_(options),
      folder_(options.out),
      state_(std::move(state)),
      step_(mnemo::zeros({}, mnemo::DType::int64)),
      columns_(std::move(columns)) {
  state_.add("step", step_);
}

TrainingRun::~TrainingRun() {
  if (folder_descriptor_ >= 0) ::close(folder_descriptor_);
}

std::int64_t TrainingRun::step() const { return *step_.data<std::int64_t>(); }

void TrainingRun::begin() {
  make_folder(folder_);
  lock();
  if (!options_.resume) return prepare_new();
  checkpoint_ = mnemo::io::CheckpointManager(folder_).latest();
  if (!checkpoint_) {
    return note(folder_.string() + ": no readable checkpoint to go on from; beginning afresh");
  }
  mnemo::io::load(*checkpoint_, state_);
  if (step() < 0) throw Error(checkpoint_name() + ": step " + std::to_string(step()));
  saved_step_ = step();
  resumed_ = true;
  note("going on from " + checkpoint_name());
}

void TrainingRun::lock() {
  folder_descriptor_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_descriptor_ < 0) fail(folder_, errno);
  // A process that has just been killed may hold it for a moment more.
  for (int attempt = 0; ::flock(folder_descriptor_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return;  // a file system without locks
    if (attempt == 30)
      throw Error(folder_.string() + ": another process is training in this folder");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void TrainingRun::prepare_new() {
  const std::vector<fs::path> files = files_of_a_run(folder_);
  if (files.empty()) return;
  if (!options_.overwrite) {
    throw Error(
        folder_.string() + ": holds an earlier run (" + files.back().filename().string() +
        (files.size() > 1 ? " and " + std::to_string(files.size() - 1) + " more" : "") +
        "); add --resume to go on with it, --overwrite to remove it, or choose another --out");
  }
  for (const fs::path& file : files) fs::remove(file);
}

void TrainingRun::run_until(std::int64_t last_step) {
  first_step_ = step();
  last_step_ = std::max(last_step, first_step_);
  log_ = std::make_unique<CsvLog>(folder_ / "losses.csv", columns_, first_step_);
  if (log_->missing() > 0) {
    note((folder_ / "losses.csv").string() + ": " + std::to_string(log_->missing()) + " of the " +
         std::to_string(first_step_) + " rows before this step are missing");
  }
  cut_back_to(first_step_);
  progress_ = std::make_unique<Progress>(columns_, first_step_, last_step_);
}

void TrainingRun::cut_back_to(std::int64_t last) {
  for (const fs::path& file : files_of_a_run(folder_)) {
    const std::string name = file.filename().string();
    if (const auto of = step_in(name, "samples_", ".png"); of && *of > last) fs::remove(file);
    // The newest readable one is `last`, so this one is damaged. Under its old name it would count as
    // newer than those that this run will save, and they would be removed before it.
    if (const auto of = step_in(name, "step_", ".npz"); of && (*of > last || !resumed_)) {
      fs::path aside = file;
      aside += ".damaged";
      fs::rename(file, aside);
      note(file.string() + " cannot be read; renamed to " + aside.filename().string());
    }
  }
}

bool TrainingRun::goes_on() const { return step() < last_step_ && !stop_requested(); }

void TrainingRun::log_step(std::span<const float> values) {
  const std::int64_t now = step() + 1;
  *step_.mutable_data<std::int64_t>() = now;
  log_->add(now, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      progress_->finish();
      throw Error("step " + std::to_string(now) + ": " + columns_[i] +
                  " is not finite; training has diverged");
    }
  }
  progress_->update(now, values);
}

void TrainingRun::save_if_due() {
  const bool first = saved_step_ < 0;  // so that a run that is killed soon has its seed in a file
  if (first || step() % options_.checkpoint_every == 0) save();
}

void TrainingRun::save() {
  log_->sync();  // first: a checkpoint must not be newer than the log
  mnemo::io::ManagerOptions manager;
  manager.keep = static_cast<std::size_t>(options_.keep);
  checkpoint_ = mnemo::io::CheckpointManager(folder_, manager).save(step(), state_);
  saved_step_ = step();
}

void TrainingRun::end() {
  progress_->finish();
  if (step() >= last_step_ && step() == first_step_ && resumed()) {
    return note("already at step " + std::to_string(step()) + "; nothing to do");
  }
  if (saved_step_ != step()) save();
  note("saved " + checkpoint_name());
  if (step() >= last_step_) {
    note("done: checkpoints, losses.csv and pictures are in " + folder_.string());
    note("in Python: numpy.load(\"" + checkpoint_name() + "\").files");
  } else {
    note("stopped at step " + std::to_string(step()) + " of " + std::to_string(last_step_) +
         "; to go on: " + resume_command_);
  }
}

fs::path TrainingRun::picture() const { return folder_ / ("samples_" + padded(step()) + ".png"); }

void TrainingRun::note(const std::string& text) {
  if (progress_) return progress_->note(text);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace examples
