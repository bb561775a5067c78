#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "mnemo/io/checkpoint.hpp"

namespace mnemo::io {

/// Saves beside training: `save` copies the tensors and returns; a thread of its own writes the copy.
/// What a file holds is the state at the call, whatever training does to the tensors meanwhile.
///
/// An error of the writing thread is thrown, once, by the next call of `save` or `wait`. One that nobody
/// asked for is printed on standard error by the destructor, which waits for the last file: it is never
/// lost, but a program that must know calls `wait` before it ends.
class AsyncSaver {
 public:
  AsyncSaver();
  AsyncSaver(const AsyncSaver&) = delete;
  AsyncSaver& operator=(const AsyncSaver&) = delete;
  ~AsyncSaver();

  /// Begins to save as `io::save` does. Waits first for the save before it, so that at most one copy of
  /// the state is held. Throws Error if that one failed; nothing new is begun then.
  void save(const std::filesystem::path& path, const Variables& variables,
            const SaveOptions& options = {});
  /// The same with a checkpoint manager, which must outlive it; it also removes old checkpoints.
  void save(const CheckpointManager& manager, std::int64_t step, const Variables& variables,
            std::optional<double> metric = std::nullopt);
  /// Waits until everything is on the disk. Throws Error if the last save failed.
  void wait();

  /// How long the last `save` held the caller up by copying, in seconds.
  double snapshot_seconds() const;
  /// And by waiting for the save before it.
  double waiting_seconds() const;

 private:
  void begin(const Variables& variables, std::function<void(const Variables&)> write);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mnemo::io
