#pragma once
#include <cstdint>
#include <string>

#include "common/data.hpp"
#include "common/run.hpp"
#include "mnemo/io/batches.hpp"

namespace examples {

/// The position in the data `tensor`, and what tells it apart: what a checkpoint holds about the data.
inline mnemo::Variables data_state(const mnemo::io::Batches& batches, const mnemo::Tensor& tensor) {
  mnemo::Variables state = batches.variables();
  state.add("fingerprint", mnemo::from_values(std::vector<std::uint64_t>{fingerprint(tensor)}, {}));
  return state;
}

/// Throws mnemo::Error where --seed, --batch or --data ask for something else than what a run that is
/// gone on with was begun with: its state under `data/` is as data_state() made it, and `data` is what is
/// there now.
inline void expect_same_run(const RunOptions& options, const TrainingRun& run,
                            const mnemo::io::Batches& batches, const mnemo::Tensor& data) {
  const auto refuse = [&](const char* option, const std::string& begun_with) {
    throw mnemo::Error(std::string(option) + ": " + run.checkpoint_name() + " was begun with " + begun_with);
  };
  if (options.seed && static_cast<std::uint64_t>(*options.seed) != batches.seed()) {
    refuse("--seed", "seed " + std::to_string(batches.seed()));
  }
  if (options.batch && *options.batch != batches.batch_size()) {
    refuse("--batch", "batches of " + std::to_string(batches.batch_size()));
  }
  if (*run.state().at("data/fingerprint").data<std::uint64_t>() != fingerprint(data)) {
    refuse("--data", "other data");
  }
}

}  // namespace examples
