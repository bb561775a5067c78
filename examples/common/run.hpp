#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/csv_log.hpp"
#include "common/progress.hpp"
#include "mnemo/core/variables.hpp"

namespace examples {

/// What every training program can be asked.
struct RunOptions {
  std::string data = {};
  std::optional<std::int64_t> steps = std::nullopt;
  std::optional<std::int64_t> epochs = std::nullopt;
  std::int64_t default_epochs = 1;  ///< where neither steps nor epochs are given
  std::optional<std::int64_t> batch = std::nullopt;
  std::optional<std::int64_t> seed = std::nullopt;
  std::optional<std::int64_t> threads = std::nullopt;
  std::string out = {};
  std::int64_t checkpoint_every = 500;
  std::int64_t keep = 5;
  bool resume = false;
  bool overwrite = false;

  static constexpr std::int64_t default_batch = 64;
  static constexpr std::int64_t default_seed = 42;
};

/// Adds --data, --steps, --epochs, --batch, --seed, --threads, --out, --checkpoint-every, --keep,
/// --resume and --overwrite; what `options` holds already are the defaults.
void add_run_options(CommandLine& command_line, RunOptions& options);

/// One run of training in a folder of its own: begins it or goes on with it, counts its steps, logs
/// them, saves checkpoints, and stops when it is done or asked to.
///
/// The folder holds `step_00000060.npz` (the newest few checkpoints), `losses.csv` (one row a step)
/// and whatever pictures the program adds under the name that `picture()` gives. What is in it belongs
/// to one run and to one history of it: going on from a checkpoint cuts rows and pictures of later
/// steps off (checkpoints later than the newest readable one are damaged; they are renamed), a new run
/// refuses a folder that holds another, and while one process trains in it,
/// another one is refused.
class TrainingRun {
 public:
  /// `state` is everything that a checkpoint holds; `step` is added to it. `columns` name the values
  /// that are logged each step.
  TrainingRun(const CommandLine& command_line, const RunOptions& options, mnemo::Variables state,
              std::vector<std::string> columns);
  ~TrainingRun();

  /// Takes the folder, and with --resume loads its newest readable checkpoint. Throws mnemo::Error if
  /// the folder cannot be used or the checkpoint does not fit the program; nothing is changed then.
  void begin();
  /// Whether a checkpoint was loaded.
  bool resumed() const { return resumed_; }
  /// "runs/dcgan/step_00000060.npz", for messages.
  std::string checkpoint_name() const { return checkpoint_ ? checkpoint_->string() : ""; }
  /// How many steps have been made.
  std::int64_t step() const;
  const mnemo::Variables& state() const { return state_; }

  /// Runs until `last_step`: opens the log, as it was at the present step.
  void run_until(std::int64_t last_step);
  /// Whether there is another step to make. False too when a signal asked to stop.
  bool goes_on() const;
  /// Counts and logs a step. Throws mnemo::Error if one of the values is not finite; the checkpoints
  /// stay as they were.
  void log_step(std::span<const float> values);
  /// Saves a checkpoint where one is due, and after a new run's first step: it can then be resumed
  /// without its options' being given again. To be called last in a step, after its picture is drawn:
  /// what a step leaves in the folder is then there before the checkpoint that follows it.
  void save_if_due();
  /// Saves the last state, and says where everything is, or how to go on.
  void end();

  /// Where a picture of the present step belongs.
  std::filesystem::path picture() const;
  void note(const std::string& text);

 private:
  void lock();
  void prepare_new();
  void cut_back_to(std::int64_t step);
  void save();

  std::string program_;
  std::string resume_command_;
  RunOptions options_;
  std::filesystem::path folder_;
  mnemo::Variables state_;
  mnemo::Tensor step_;
  std::vector<std::string> columns_;
  int folder_descriptor_ = -1;
  std::optional<std::filesystem::path> checkpoint_;  // the last one loaded or saved
  bool resumed_ = false;
  std::int64_t first_step_ = 0;
  std::int64_t last_step_ = 0;
  std::int64_t saved_step_ = -1;
  std::unique_ptr<CsvLog> log_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace examples
