#include "mnemo/io/async_saver.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "mnemo/io/detail/copy.hpp"

namespace mnemo::io {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

struct AsyncSaver::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void(const Variables&)> write;  // empty: nothing to do
  Variables snapshot;
  std::exception_ptr error;
  bool busy = false;
  bool stopping = false;
  double snapshot_seconds = 0;
  double waiting_seconds = 0;
  std::thread writer;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return busy || stopping; });
      if (!busy) return;
      lock.unlock();
      std::exception_ptr problem;
      try {
        write(snapshot);
      } catch (...) {
        problem = std::current_exception();
      }
      lock.lock();
      error = problem;
      busy = false;
      changed.notify_all();
    }
  }

  /// Returns when nothing is being written; the error of what was.
  std::exception_ptr settle() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !busy; });
    return std::exchange(error, nullptr);
  }
};

AsyncSaver::AsyncSaver() : state_(std::make_unique<State>()) {
  state_->writer = std::thread([state = state_.get()] { state->work(); });
}

AsyncSaver::~AsyncSaver() {
  const std::exception_ptr error = state_->settle();
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->writer.join();
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "error: a checkpoint was not saved: %s\n", problem.what());
  }
}

void AsyncSaver::begin(const Variables& variables, std::function<void(const Variables&)> write) {
  const Clock::time_point start = Clock::now();
  wait();
  state_->waiting_seconds = seconds_since(start);
  const Clock::time_point copying = Clock::now();
  // The writer is idle: its snapshot can be overwritten, in place where it has the same tensors.
  detail::copy_variables(variables, state_->snapshot);
  state_->snapshot_seconds = seconds_since(copying);
  {
    const std::lock_guard lock(state_->mutex);
    state_->write = std::move(write);
    state_->busy = true;
  }
  state_->changed.notify_all();
}

void AsyncSaver::save(const std::filesystem::path& path, const Variables& variables,
                      const SaveOptions& options) {
  begin(variables, [=](const Variables& snapshot) { io::save(path, snapshot, options); });
}

void AsyncSaver::save(const CheckpointManager& manager, std::int64_t step,
                      const Variables& variables, std::optional<double> metric) {
  begin(variables, [&manager, step, metric](const Variables& snapshot) {
    manager.save(step, snapshot, metric);
  });
}

void AsyncSaver::wait() {
  if (const std::exception_ptr error = state_->settle()) std::rethrow_exception(error);
}

double AsyncSaver::snapshot_seconds() const { return state_->snapshot_seconds; }
double AsyncSaver::waiting_seconds() const { return state_->waiting_seconds; }

}  // namespace mnemo::io
