#pragma once
#include <cstdint>
#include <string>
#include <vector>

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

/// To be called when a run is gone on with, whose state under `data/` is as data_state() made it; `data`
/// is what is there now. Throws mnemo::Error where --seed or --data ask for something else than what it
/// was begun with. Another --batch is taken from here on, with a note: the position counts rows, so none
/// is skipped or repeated.
inline void expect_same_run(const RunOptions& options, TrainingRun& run,
                            mnemo::io::Batches& batches, const mnemo::Tensor& data) {
  if (options.seed && static_cast<std::uint64_t>(*options.seed) != batches.seed()) {
    throw mnemo::Error(
        "--seed " + std::to_string(*options.seed) + ": " + run.checkpoint_name() +
        " was begun with seed " + std::to_string(batches.seed()) +
        "; leave --seed out to go on with it, or begin another run in another --out");
  }
  if (*run.state().at("data/fingerprint").data<std::uint64_t>() != fingerprint(data)) {
    throw mnemo::Error("--data " + options.data + ": not the data that " + run.checkpoint_name() +
                       " was trained on");
  }
  if (options.batch && *options.batch != batches.batch_size()) {
    run.note("batch size " + std::to_string(*options.batch) + " from here on; it was " +
             std::to_string(batches.batch_size()));
    batches.set_batch_size(*options.batch);
  }
}

}  // namespace examples
