#include "mnemo/io/batches.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "io_files.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using io::Batches;

namespace {

/// Rows 0 to count - 1, each holding its number.
Tensor numbered(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return from_values(values, {count});
}

using Rows = std::vector<std::int64_t>;

Rows rows_of(const Tensor& tensor) {
  const auto span = tensor.span<std::int64_t>();
  return {span.begin(), span.end()};
}

Rows next_rows(Batches& batches) { return rows_of(batches.next()[0]); }

/// The rows of the next `count` batches, one after the other.
Rows deal(Batches& batches, int count) {
  Rows all;
  for (int i = 0; i < count; ++i) {
    const Rows rows = next_rows(batches);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

void restore(const Batches& target, const Batches& source) {
  const Variables from = source.variables();
  for (const Variable& variable : target.variables()) {
    variable.tensor.assign(from.at(variable.name));
  }
}

template <class T>
void set(const Batches& batches, const char* name, T value) {
  *batches.variables().at(name).mutable_data<T>() = value;
}

template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an epoch deals out every row once, and each epoch in another order") {
  Batches batches({numbered(10)}, {.size = 3, .seed = 5});
  CHECK(batches.batches_per_epoch() == 4);
  std::vector<Rows> epochs;
  for (int epoch = 0; epoch < 20; ++epoch) {
    CHECK(batches.epoch() == epoch);
    CHECK(batches.position() == 0);
    Rows rows = deal(batches, 4);
    epochs.push_back(rows);
    std::sort(rows.begin(), rows.end());
    CHECK(rows == rows_of(numbered(10)));
  }
  std::sort(epochs.begin(), epochs.end());
  CHECK(std::unique(epochs.begin(), epochs.end()) == epochs.end());
}

TEST_CASE("the last short batch is dealt out, or dropped on request") {
  Batches kept({numbered(10)}, {.size = 4});
  CHECK(next_rows(kept).size() == 4);
  CHECK(next_rows(kept).size() == 4);
  CHECK(kept.position() == 8);
  CHECK(kept.epoch() == 0);
  CHECK(next_rows(kept).size() == 2);
  CHECK(kept.position() == 0);
  CHECK(kept.epoch() == 1);

  Batches dropped({numbered(10)}, {.size = 4, .drop_last = true});
  CHECK(dropped.batches_per_epoch() == 2);
  for (int batch = 0; batch < 7; ++batch) CHECK(next_rows(dropped).size() == 4);
  CHECK(dropped.epoch() == 3);
  CHECK(dropped.position() == 4);

  Batches larger({numbered(10)}, {.size = 64});
  CHECK(next_rows(larger).size() == 10);
  CHECK(larger.epoch() == 1);
}

TEST_CASE("rows of several tensors stay together, in their dtypes and shapes") {
  std::vector<float> values(30);
  std::iota(values.begin(), values.end(), 0.0f);
  std::vector<std::uint8_t> bytes{0, 1, 2, 3, 4};
  Batches batches({numbered(5), from_values(values, {5, 3, 2}), from_values(bytes, {5, 1})},
                  {.size = 2, .seed = 1});
  for (int i = 0; i < 6; ++i) {
    const std::vector<Tensor> batch = batches.next();
    REQUIRE(batch.size() == 3);
    const std::int64_t rows = batch[0].size(0);
    CHECK(batch[1].shape() == Shape{rows, 3, 2});
    CHECK(batch[1].dtype() == DType::float32);
    CHECK(batch[2].shape() == Shape{rows, 1});
    CHECK(batch[2].dtype() == DType::uint8);
    for (std::int64_t row = 0; row < rows; ++row) {
      const double number = batch[0].at({row});
      CHECK(batch[1].at({row, 0, 0}) == 6 * number);
      CHECK(batch[1].at({row, 2, 1}) == 6 * number + 5);
      CHECK(batch[2].at({row, 0}) == number);
    }
  }
}

TEST_CASE("the order follows from the seed and nothing else") {
  Batches first({numbered(100)}, {.size = 7, .seed = 3});
  Batches same({numbered(100)}, {.size = 7, .seed = 3});
  Batches other({numbered(100)}, {.size = 7, .seed = 4});
  const Rows rows = deal(first, 40);
  const int before = threads();
  set_threads(before == 1 ? 2 : 1);
  CHECK(deal(same, 40) == rows);
  set_threads(before);
  CHECK(deal(other, 40) != rows);

  Batches plain({numbered(6)}, {.size = 4, .shuffle = false});
  CHECK(deal(plain, 4) == Rows{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
}

TEST_CASE("a state restored at any moment goes on with exactly the next rows") {
  for (const bool drop_last : {false, true}) {
    const io::BatchOptions options{.size = 4, .drop_last = drop_last, .seed = 11};
    for (int before = 0; before < 12; ++before) {
      Batches whole({numbered(11)}, options);
      deal(whole, before);
      // A fresh program, with another seed and in the middle of another epoch.
      Batches resumed({numbered(11)}, {.size = 2, .drop_last = drop_last, .seed = 99});
      deal(resumed, 5);
      restore(resumed, whole);
      CHECK(resumed.epoch() == whole.epoch());
      CHECK(deal(resumed, 9) == deal(whole, 9));
    }
  }
}

TEST_CASE("the whole state is named integers") {
  const Batches batches({numbered(11)}, {.size = 4, .seed = 0xfedcba9876543210});
  const Variables variables = batches.variables();
  std::vector<std::string> names;
  for (const Variable& variable : variables) {
    names.push_back(variable.name);
    CHECK(variable.tensor.dtype() == (variable.name == "seed" ? DType::uint64 : DType::int64));
    CHECK(variable.tensor.rank() == 0);
  }
  CHECK(names == std::vector<std::string>{"seed", "epoch", "position", "batch_size", "rows"});
  CHECK(*variables.at("seed").data<std::uint64_t>() == 0xfedcba9876543210);
  CHECK(variables.at("rows").item() == 11);
}

TEST_CASE("a state edited by hand takes effect at the next batch") {
  Batches batches({numbered(20)}, {.size = 5, .seed = 1});
  Batches reference({numbered(20)}, {.size = 5, .seed = 2});
  deal(batches, 2);
  set(batches, "seed", std::uint64_t{2});
  deal(reference, 2);
  CHECK(deal(batches, 5) == deal(reference, 5));
  set(batches, "epoch", std::int64_t{0});
  set(batches, "position", std::int64_t{5});
  Batches again({numbered(20)}, {.size = 5, .seed = 2});
  deal(again, 1);
  CHECK(deal(batches, 9) == deal(again, 9));
}

TEST_CASE("another batch size in the middle of an epoch neither skips nor repeats a row") {
  Batches batches({numbered(20)}, {.size = 3, .seed = 1});
  Rows rows = deal(batches, 3);
  batches.set_batch_size(8);
  const Rows rest = deal(batches, 2);
  rows.insert(rows.end(), rest.begin(), rest.end());
  std::sort(rows.begin(), rows.end());
  CHECK(rows == rows_of(numbered(20)));
  CHECK(batches.epoch() == 1);

  // Where short batches are dropped, what is left of the epoch can be too little for a larger batch.
  Batches dropped({numbered(20)}, {.size = 3, .drop_last = true, .seed = 1});
  deal(dropped, 5);
  dropped.set_batch_size(8);
  CHECK(dropped.batches_until_epoch(1) == 0);
  CHECK(next_rows(dropped).size() == 8);
  CHECK(dropped.epoch() == 1);
  CHECK(dropped.position() == 8);
}

TEST_CASE("batches_until_epoch counts the calls") {
  for (const bool drop_last : {false, true}) {
    for (int before = 0; before < 8; ++before) {
      for (const std::int64_t target : {0, 1, 2, 5}) {
        Batches batches({numbered(11)}, {.size = 4, .drop_last = drop_last});
        deal(batches, before);
        const std::int64_t expected = batches.batches_until_epoch(target);
        std::int64_t calls = 0;
        for (; batches.epoch() < target; ++calls) batches.next();
        CHECK(calls == expected);
      }
    }
  }
  Batches batches({numbered(11)}, {.size = 4});
  CHECK(batches.batches_until_epoch(INT64_MAX) == INT64_MAX);
  CHECK(batches.batches_until_epoch(-1) == 0);
}

TEST_CASE("what cannot be dealt out is refused") {
  CHECK(contains(message_of([] { Batches({}, {}); }), "no tensors"));
  CHECK(contains(message_of([] { Batches({numbered(3), numbered(4)}); }), "[3] and [4]"));
  CHECK(contains(message_of([] { Batches({numbered(0)}); }), "no rows"));
  CHECK(contains(message_of([] { Batches({scalar(1)}); }), "rank 0"));
  CHECK(contains(message_of([] { Batches({numbered(3)}, {.size = 0}); }), "batch size 0"));
  CHECK(contains(message_of([] { Batches({numbered(3)}, {.size = -5}); }), "batch size -5"));
  CHECK(contains(message_of([] { Batches({numbered(3)}, {.size = 4, .drop_last = true}); }),
                 "larger than the data"));
}

TEST_CASE("a state that the data cannot have is refused, whatever a file brought") {
  const auto refusal = [](const char* name, std::int64_t value) {
    Batches batches({numbered(10)}, {.size = 3, .drop_last = true});
    set(batches, name, value);
    return message_of([&] { batches.next(); });
  };
  CHECK(contains(refusal("position", -1), "position -1"));
  CHECK(contains(refusal("position", 11), "position 11"));
  CHECK(contains(refusal("position", INT64_MIN), "position -9223372036854775808"));
  CHECK(contains(refusal("epoch", -1), "epoch -1"));
  CHECK(contains(refusal("epoch", INT64_MAX), "epoch 9223372036854775807"));
  CHECK(contains(refusal("batch_size", 0), "batch size 0"));
  CHECK(contains(refusal("batch_size", 11), "batch size 11"));
  CHECK(contains(refusal("rows", 60000), "60000 rows, but these have 10"));
  CHECK(refusal("position", 10).empty());  // an epoch at its very end
}

TEST_CASE("rows drawn with replacement: some twice, some not at all, and restored exactly") {
  const io::BatchOptions options{.size = 3, .seed = 5, .replacement = true};
  Batches batches({numbered(1000)}, options);
  Rows rows = deal(batches, 334);
  CHECK(batches.epoch() == 1);
  CHECK(rows.size() == 1000);
  std::sort(rows.begin(), rows.end());
  CHECK(rows.front() >= 0);
  CHECK(rows.back() < 1000);
  const auto distinct = std::unique(rows.begin(), rows.end()) - rows.begin();
  CHECK(distinct > 560);  // 632 are expected, give or take 15
  CHECK(distinct < 700);

  deal(batches, 7);
  Batches resumed({numbered(1000)}, options);
  restore(resumed, batches);
  CHECK(deal(resumed, 400) == deal(batches, 400));
  CHECK_THROWS_AS(Batches({numbered(5)}, {.shuffle = false, .replacement = true}), Error);
}

TEST_CASE("arrays in a file are dealt out without being loaded") {
  const io_files::Folder folder;
  const Tensor x = cast(arange(6 * 2).reshape({6, 2}), DType::float32), y = arange(6);
  io::save(folder.path / "data.npz", {{"x", x}, {"y", y}});
  const Variables file = io::map(folder.path / "data.npz");
  io::Batches mapped({file.at("x"), file.at("y")}, {.size = 4, .seed = 5});
  io::Batches loaded({x, y}, {.size = 4, .seed = 5});
  for (int i = 0; i < 5; ++i) {
    const auto a = mapped.next(), b = loaded.next();
    REQUIRE(a[0].shape() == b[0].shape());
    for (std::int64_t row = 0; row < a[1].size(0); ++row) {
      CHECK(a[1].at({row}) == b[1].at({row}));
      CHECK(a[0].at({row, 1}) == 2 * a[1].at({row}) + 1);
    }
  }
}
