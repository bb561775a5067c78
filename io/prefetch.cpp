#include "mnemo/io/prefetch.hpp"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/grad.hpp"

namespace mnemo::io {
namespace {

std::vector<Tensor> copies(const Variables& variables) {
  std::vector<Tensor> result;
  for (const Variable& variable : variables) result.push_back(variable.tensor.clone());
  return result;
}

struct Ready {
  Prefetch::Batch batch;
  std::vector<Tensor> state;  // of the source, after this batch
  std::exception_ptr error;
};

}  // namespace

struct Prefetch::State {
  Produce produce;
  Variables source_state;
  std::size_t depth;
  Variables handed_out{};          // what others see and may write
  std::vector<Tensor> expected{};  // what it is unless somebody has

  std::thread thread{};
  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<Ready> ready{};
  bool stopping = false;

  bool edited() const {
    for (std::size_t i = 0; i < handed_out.size(); ++i) {
      const Tensor& now = handed_out[i].tensor;
      if (std::memcmp(now.raw(), expected[i].raw(), now.bytes()) != 0) return true;
    }
    return false;
  }

  void rewind_source() const {
    for (std::size_t i = 0; i < source_state.size(); ++i) {
      source_state[i].tensor.assign(handed_out[i].tensor);
    }
  }

  void start() {
    rewind_source();
    thread = std::thread([this] { work(); });
  }

  void stop() {
    if (!thread.joinable()) return;
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_one();
    thread.join();
    stopping = false;
    ready.clear();
  }

  void work() {
    const NoGrad no_grad;
    for (bool failed = false; !failed;) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || ready.size() < depth; });
        if (stopping) return;
      }
      Ready made = make();
      failed = made.error != nullptr;
      {
        const std::lock_guard lock(mutex);
        ready.push_back(std::move(made));
      }
      changed.notify_one();
    }
  }

  Ready make() const {
    try {
      Batch batch = produce();
      return {std::move(batch), copies(source_state), nullptr};
    } catch (...) {
      return {{}, {}, std::current_exception()};
    }
  }
};

Prefetch::Prefetch(Produce produce, const Variables& state, std::size_t depth)
    : state_(new State{.produce = std::move(produce), .source_state = state, .depth = depth}) {
  if (!state_->produce) detail::fail("Prefetch: the function is empty");
  if (depth == 0) detail::fail("Prefetch: a depth of 0; at least 1 is needed");
  for (const auto& [name, tensor] : state) state_->handed_out.add(name, tensor.clone());
  state_->expected = copies(state_->handed_out);
}

Prefetch::~Prefetch() {
  state_->stop();
  state_->rewind_source();
}

const Variables& Prefetch::variables() const { return state_->handed_out; }

Prefetch::Batch Prefetch::next() {
  State& state = *state_;
  if (state.edited()) {
    state.stop();
    state.expected = copies(state.handed_out);
  }
  if (!state.thread.joinable()) state.start();
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return !state.ready.empty(); });
  Ready first = std::move(state.ready.front());
  state.ready.pop_front();
  lock.unlock();
  state.changed.notify_one();
  if (first.error) {
    state.stop();
    std::rethrow_exception(first.error);
  }
  for (std::size_t i = 0; i < state.handed_out.size(); ++i) {
    state.handed_out[i].tensor.assign(first.state[i]);
  }
  state.expected = std::move(first.state);
  return std::move(first.batch);
}

}  // namespace mnemo::io
