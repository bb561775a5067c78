#include "mnemo/io/batches.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/rng.hpp"

namespace mnemo::io {
namespace {

using detail::fail;

template <class T>
Tensor state_of(T value) {
  return from_values(std::vector<T>{value}, {});
}

template <class T>
T value_of(const Tensor& state) {
  return *state.data<T>();
}

std::int64_t common_rows(const std::vector<Tensor>& tensors) {
  if (tensors.empty()) fail("Batches: no tensors");
  for (const Tensor& tensor : tensors) {
    if (tensor.rank() < 1) fail("Batches: a tensor of rank 0 has no rows");
    if (tensor.size(0) != tensors[0].size(0)) {
      fail("Batches: tensors with different numbers of rows, ", tensors[0].shape(), " and ",
           tensor.shape());
    }
  }
  if (tensors[0].size(0) < 1) fail("Batches: the tensors have no rows");
  return tensors[0].size(0);
}

void check_batch_size(std::int64_t size, std::int64_t rows, bool drop_last) {
  if (size < 1) fail("Batches: batch size ", size, "; at least 1 is needed");
  if (drop_last && size > rows) {
    fail("Batches: batch size ", size, " is larger than the data, which has ", rows, " rows");
  }
}

/// The rows of `source` that `order` names.
Tensor gather(const Tensor& source, const std::int64_t* order, std::int64_t count) {
  Shape shape = source.shape();
  shape[0] = count;
  Tensor result(shape, source.dtype());
  const std::size_t row_bytes = source.bytes() / static_cast<std::size_t>(source.size(0));
  if (row_bytes == 0) return result;
  const auto* from = static_cast<const std::byte*>(source.raw());
  auto* to = static_cast<std::byte*>(result.mutable_raw());
  for (std::int64_t row = 0; row < count; ++row, to += row_bytes) {
    std::memcpy(to, from + static_cast<std::size_t>(order[row]) * row_bytes, row_bytes);
  }
  return result;
}

}  // namespace

Batches::Batches(std::vector<Tensor> tensors, BatchOptions options)
    : tensors_(std::move(tensors)),
      rows_(common_rows(tensors_)),
      shuffle_(options.shuffle),
      replacement_(options.replacement),
      drop_last_(options.drop_last),
      seed_(state_of(options.seed)),
      epoch_(state_of(std::int64_t{0})),
      position_(state_of(std::int64_t{0})),
      batch_size_(state_of(options.size)),
      rows_in_state_(state_of(rows_)) {
  check_batch_size(options.size, rows_, drop_last_);
  if (replacement_ && !shuffle_) fail("Batches: drawing with replacement needs shuffle");
}

std::vector<Tensor> Batches::next() {
  check_state();
  begin_epoch_if_over();  // a larger batch size since the last batch may have ended it
  find_order();
  const std::int64_t begin = position();
  const std::int64_t count = std::min(batch_size(), rows_ - begin);
  std::vector<Tensor> batch;
  batch.reserve(tensors_.size());
  for (const Tensor& tensor : tensors_) {
    batch.push_back(gather(tensor, order_.data<std::int64_t>() + begin, count));
  }
  *position_.mutable_data<std::int64_t>() = begin + count;
  begin_epoch_if_over();
  return batch;
}

std::int64_t Batches::epoch() const { return value_of<std::int64_t>(epoch_); }
std::int64_t Batches::position() const { return value_of<std::int64_t>(position_); }
std::int64_t Batches::batch_size() const { return value_of<std::int64_t>(batch_size_); }
std::uint64_t Batches::seed() const { return value_of<std::uint64_t>(seed_); }

std::int64_t Batches::batches_per_epoch() const {
  check_state();
  return batches_in(rows_);
}

std::int64_t Batches::batches_until_epoch(std::int64_t target) const {
  check_state();
  const std::int64_t epochs = target - epoch();
  if (target < 0 || epochs <= 0) return 0;
  // The present epoch counts with what is left of it; where that is less than a batch, with
  // nothing.
  std::int64_t whole = 0;
  std::int64_t total = 0;
  if (__builtin_mul_overflow(epochs - 1, batches_in(rows_), &whole) ||
      __builtin_add_overflow(whole, batches_in(rows_ - position()), &total)) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return total;
}

void Batches::set_batch_size(std::int64_t size) {
  check_batch_size(size, rows_, drop_last_);
  *batch_size_.mutable_data<std::int64_t>() = size;
}

Variables Batches::variables() const {
  return {{"seed", seed_},
          {"epoch", epoch_},
          {"position", position_},
          {"batch_size", batch_size_},
          {"rows", rows_in_state_}};
}

void Batches::check_state() const {
  const auto rows_in_state = value_of<std::int64_t>(rows_in_state_);
  if (rows_in_state != rows_) {
    fail("Batches: the state is that of data with ", rows_in_state, " rows, but these have ",
         rows_);
  }
  if (epoch() < 0 || epoch() == std::numeric_limits<std::int64_t>::max()) {
    fail("Batches: epoch ", epoch(), " in the state is out of range");
  }
  if (position() < 0 || position() > rows_) {
    fail("Batches: position ", position(), " in the state is outside the ", rows_, " rows");
  }
  check_batch_size(batch_size(), rows_, drop_last_);
}

std::int64_t Batches::batches_in(std::int64_t rows) const {
  return rows / batch_size() + (!drop_last_ && rows % batch_size() != 0 ? 1 : 0);
}

void Batches::begin_epoch_if_over() {
  if (batches_in(rows_ - position()) > 0) return;
  *epoch_.mutable_data<std::int64_t>() = epoch() + 1;
  *position_.mutable_data<std::int64_t>() = 0;
}

void Batches::find_order() {
  if (order_epoch_ == epoch() && order_seed_ == seed()) return;
  if (shuffle_) {
    Rng rng = Rng(seed()).split(detail::text("epoch ", epoch()));
    order_ = replacement_ ? rng.integers({rows_}, 0, rows_) : rng.permutation(rows_);
  } else if (!order_.defined()) {
    order_ = empty({rows_}, DType::int64);
    std::int64_t* order = order_.mutable_data<std::int64_t>();
    for (std::int64_t row = 0; row < rows_; ++row) order[row] = row;
  }
  order_epoch_ = epoch();
  order_seed_ = seed();
}

}  // namespace mnemo::io
