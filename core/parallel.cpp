#include "mnemo/core/detail/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

#include "mnemo/core/detail/text.hpp"

namespace mnemo {
namespace {

#if defined(__x86_64__)
void pause() { __builtin_ia32_pause(); }
#else
void pause() {}
#endif

// How long an idle worker watches for the next job before it sleeps. Operations of a training step
// follow each other within microseconds; a sleeping thread takes tens of them to wake. Short enough
// that a busy neighbour gets its processor back.
constexpr int idle_spins = 2000;

// How long the owner of a job watches for workers that still have a block before it sleeps, too. It
// must not watch for long: where other processes crowd the machine, that worker may wait for a
// processor, and gets this one as soon as it falls idle.
constexpr int owner_spins = 2000;

int default_threads() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

// The blocks of a job lie in as many shares as there are threads, at most eight. A thread begins with
// its own share, where its caches still hold what the last operation left there, and then helps with
// the others'.
struct Job {
  static constexpr std::int64_t most_shares = 8;

  detail::BlockFunction function;
  const void* context;
  std::int64_t count;
  std::int64_t shares;
  struct alignas(64) Share {
    std::atomic<std::int64_t> taken{0};
  };
  std::array<Share, most_shares> taken_of{};
  std::exception_ptr error{};
  std::mutex error_mutex{};

  void work(std::int64_t thread) {
    for (std::int64_t turn = 0; turn < shares; ++turn) {
      const std::int64_t share = (thread + turn) % shares;
      const std::int64_t begin = count * share / shares;
      const std::int64_t size = count * (share + 1) / shares - begin;
      std::atomic<std::int64_t>& taken = taken_of[static_cast<std::size_t>(share)].taken;
      for (;;) {
        const std::int64_t next = taken.fetch_add(1, std::memory_order_relaxed);
        if (next >= size) break;
        run(begin + next);
      }
    }
  }

  void run(std::int64_t block) {
    try {
      function(context, block);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }
};

thread_local bool inside_a_job = false;

class Pool {
 public:
  int threads() const { return wanted_.load(std::memory_order_relaxed); }

  void set_threads(int count) {
    if (inside_a_job) detail::fail("set_threads: called by work that runs on these threads");
    const std::lock_guard lock(mutex_);
    wanted_ = count;
    stop();
  }

  void run(std::int64_t count, detail::BlockFunction function, const void* context) {
    std::unique_lock lock(mutex_, std::defer_lock);
    if (inside_a_job || threads() == 1 || !lock.try_lock()) {
      for (std::int64_t block = 0; block < count; ++block) function(context, block);
      return;
    }
    start();
    Job job{.function = function,
            .context = context,
            .count = count,
            .shares = std::min<std::int64_t>(threads(), Job::most_shares)};
    job_.store(&job, std::memory_order_release);
    ticket_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) ticket_.notify_all();

    inside_a_job = true;
    job.work(0);
    inside_a_job = false;
    // A worker that took a block finishes it; one that never woke is not waited for.
    job_.store(nullptr);
    wait_for_visitors();
    lock.unlock();
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  void start() {
    while (static_cast<int>(workers_.size()) < threads() - 1) {
      workers_.emplace_back([this, thread = std::ssize(workers_) + 1] { serve(thread); });
    }
  }

  void stop() {
    stopping_ = true;
    ticket_.fetch_add(1);
    ticket_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stopping_ = false;
  }

  void serve(std::int64_t thread) {
    inside_a_job = true;  // operations called by a block run on this thread alone
    std::uint32_t seen = 0;
    while (!stopping_) {
      // Counted before the job is looked up: its owner takes the job away, then waits until nobody
      // is counted, and so never leaves while a worker holds a pointer to it.
      visitors_.fetch_add(1);
      if (Job* const job = job_.load()) job->work(thread);
      if (visitors_.fetch_sub(1) == 1 && owner_sleeps_.load()) visitors_.notify_all();
      seen = next_ticket(seen);
    }
  }

  std::uint32_t next_ticket(std::uint32_t seen) {
    for (int spin = 0; spin < idle_spins; ++spin) {
      const std::uint32_t now = ticket_.load(std::memory_order_acquire);
      if (now != seen) return now;
      pause();
    }
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    ticket_.wait(seen, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1);
    return ticket_.load(std::memory_order_acquire);
  }

  // The sleeper announces itself before it looks again, the last visitor leaves before it looks for
  // a sleeper: one of the two sees the other.
  void wait_for_visitors() {
    for (int spin = 0; spin < owner_spins; ++spin) {
      if (visitors_.load(std::memory_order_acquire) == 0) return;
      pause();
    }
    owner_sleeps_.store(true);
    for (int present = visitors_.load(); present > 0; present = visitors_.load()) {
      visitors_.wait(present);
    }
    owner_sleeps_.store(false);
  }

  std::mutex mutex_;  // held by the one thread whose job runs
  std::vector<std::thread> workers_;
  std::atomic<int> wanted_{default_threads()};
  std::atomic<bool> stopping_{false};
  std::atomic<Job*> job_{nullptr};
  std::atomic<int> visitors_{0};
  std::atomic<bool> owner_sleeps_{false};
  std::atomic<int> sleepers_{0};
  std::atomic<std::uint32_t> ticket_{0};
};

// Never destroyed: joining the workers at exit would hang a forked child, which has none.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

}  // namespace

void set_threads(int count) {
  if (count < 1) detail::fail("set_threads: ", count, " threads; at least 1 is needed");
  pool().set_threads(count);
}

int threads() { return pool().threads(); }

namespace detail {

void run_blocks(std::int64_t count, BlockFunction function, const void* context) {
  if (count > 0) pool().run(count, function, context);
}

}  // namespace detail
}  // namespace mnemo
