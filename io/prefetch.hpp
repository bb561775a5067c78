#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::io {

/// Prepares batches ahead of time on a thread of its own:
///
///     io::Batches batches({images}, {.seed = 1});
///     io::Prefetch prefetch(batches);
///     state.add("data", prefetch);      // in the place of batches
///
/// The batches come in the order and with the values that they have without it. `variables()` is
/// the state of the source as of the batch that was handed out last, whatever lies ready, so that
/// nothing of the queue is lost or dealt out twice: a run that goes on from it gets exactly the
/// next batch. Once the state is loaded or edited, what lies ready is thrown away and made anew.
///
/// While a Prefetch lives, the source belongs to it; when it ends, the source stands where
/// `variables()` stands.
class Prefetch {
 public:
  using Batch = std::vector<Tensor>;  ///< as Batches::next() gives it
  /// Makes the next batch, from `state` alone, which it moves on. Runs on the other thread, never
  /// twice at a time; what else it reads must not change, and its operations are not recorded.
  using Produce = std::function<Batch()>;

  /// `depth` batches at most lie ready. Throws Error for an empty function or a depth of 0.
  Prefetch(Produce produce, const Variables& state, std::size_t depth = 2);
  /// Of anything that has `next()` and `variables()`, such as Batches.
  template <class Source>
  explicit Prefetch(Source& source, std::size_t depth = 2)
      : Prefetch([&source] { return source.next(); }, source.variables(), depth) {}
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The next batch; waits until it is ready. What `produce` throws is thrown on where its batch
  /// would have been, and the state stays before it.
  Batch next();

  /// The source's state under the source's names, as of the last batch that `next` gave.
  const Variables& variables() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mnemo::io
