#include "mnemo/io/prefetch.hpp"

#include <cstring>
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

}  // namespace

Prefetch::Prefetch(Produce produce, const Variables& state, std::size_t depth)
    : produce_(std::move(produce)), source_state_(state), depth_(depth) {
  if (!produce_) detail::fail("Prefetch: the function is empty");
  if (depth_ == 0) detail::fail("Prefetch: a depth of 0; at least 1 is needed");
  for (const auto& [name, tensor] : state) handed_out_.add(name, tensor.clone());
  expected_ = copies(handed_out_);
}

Prefetch::~Prefetch() {
  stop();
  rewind_source();
}

Prefetch::Batch Prefetch::next() {
  if (edited()) {
    stop();
    expected_ = copies(handed_out_);
  }
  if (!thread_.joinable()) start();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty(); });
  Ready first = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_one();
  if (first.error) {
    stop();
    std::rethrow_exception(first.error);
  }
  for (std::size_t i = 0; i < handed_out_.size(); ++i) handed_out_[i].tensor.assign(first.state[i]);
  expected_ = std::move(first.state);
  return std::move(first.batch);
}

bool Prefetch::edited() const {
  for (std::size_t i = 0; i < handed_out_.size(); ++i) {
    const Tensor& now = handed_out_[i].tensor;
    if (std::memcmp(now.raw(), expected_[i].raw(), now.bytes()) != 0) return true;
  }
  return false;
}

void Prefetch::rewind_source() const {
  for (std::size_t i = 0; i < source_state_.size(); ++i) {
    source_state_[i].tensor.assign(handed_out_[i].tensor);
  }
}

void Prefetch::start() {
  rewind_source();
  thread_ = std::thread([this] { work(); });
}

void Prefetch::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  stopping_ = false;
  ready_.clear();
}

void Prefetch::work() {
  const NoGrad no_grad;
  for (bool failed = false; !failed;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || ready_.size() < depth_; });
      if (stopping_) return;
    }
    Ready made = make();
    failed = made.error != nullptr;
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(made));
    }
    changed_.notify_one();
  }
}

Prefetch::Ready Prefetch::make() const {
  try {
    Batch batch = produce_();
    return {std::move(batch), copies(source_state_), nullptr};
  } catch (...) {
    return {{}, {}, std::current_exception()};
  }
}

}  // namespace mnemo::io
