#pragma once
#include <cstdint>
#include <vector>

#include "mnemo/core/tensor.hpp"
#include "mnemo/core/variables.hpp"

namespace mnemo::io {

/// How Batches deals out its rows.
struct BatchOptions {
  std::int64_t size = 64;  ///< rows of a batch
  bool shuffle = true;     ///< a new order for each epoch; otherwise the order of the data
  bool drop_last = false;  ///< leave out the last batch of an epoch where it would be shorter
  std::uint64_t seed = 0;  ///< the orders of all epochs follow from it
  /// Draw each row anew from all of them, so that an epoch, of as many draws as there are rows, has
  /// some twice and some not at all. Needs `shuffle`.
  bool replacement = false;
};

/// Deals out the rows of some tensors in batches, epoch after epoch, without end.
///
/// The tensors come from read_idx, read_csv, read_npy, read_npz or ImageFolder, or from `map`,
/// which leaves them on the disk: only the rows of a batch are read then.
///
/// The order of an epoch follows from seed and epoch alone. Seed, epoch, position and batch size
/// are named tensors, read at each batch, so that saving and restoring them at any moment, also in
/// the middle of an epoch, goes on with exactly the next rows. The position counts rows, not
/// batches: a batch size changed on the way neither skips nor repeats a row.
class Batches {
 public:
  /// `tensors`: of any dtype, with the same number of rows (the length of the first axis), at least
  /// one. Throws Error if they differ in it, for a batch size below 1, or above the number of rows
  /// where short batches are dropped, or for replacement without shuffling.
  explicit Batches(std::vector<Tensor> tensors, BatchOptions options = {});

  /// The next rows of each tensor, in the order of the tensors, each [rows, ...]. Throws Error if
  /// the state is not one that this data can have: a position outside of it, another number of
  /// rows.
  std::vector<Tensor> next();

  /// How many epochs have been dealt out to the end, or begun anew by the state's being set.
  std::int64_t epoch() const;
  /// How many rows of the present epoch have been dealt out. An epoch that has ended has become the
  /// next one's beginning: 0 after `next()` means that this was its last batch.
  std::int64_t position() const;
  ///@{
  /// What the options said, or the state has been set to since.
  std::int64_t batch_size() const;
  std::uint64_t seed() const;
  ///@}
  /// The number of rows of the data.
  std::int64_t rows() const { return rows_; }
  /// Batches in a whole epoch of the present batch size.
  std::int64_t batches_per_epoch() const;
  /// How many calls of `next()` it takes from here until `epoch()` is `target`; 0 if it is reached.
  std::int64_t batches_until_epoch(std::int64_t target) const;

  /// Throws Error as the constructor does.
  void set_batch_size(std::int64_t size);

  /// `seed` (uint64), `epoch`, `position`, `batch_size`, `rows` (int64), all of rank 0.
  Variables variables() const;

 private:
  void check_state() const;
  std::int64_t batches_in(std::int64_t rows) const;
  void begin_epoch_if_over();
  void find_order();

  std::vector<Tensor> tensors_;
  std::int64_t rows_ = 0;
  bool shuffle_;
  bool replacement_;
  bool drop_last_;

  Tensor seed_;
  Tensor epoch_;
  Tensor position_;
  Tensor batch_size_;
  Tensor rows_in_state_;  // so that a state of other data is noticed

  // The order of the epoch it was last asked for: follows from the state, so it is no part of it.
  Tensor order_;
  std::uint64_t order_seed_ = 0;
  std::int64_t order_epoch_ = -1;
};

}  // namespace mnemo::io
