/// A thread that prepares batches must not show: not in their values, not in the state.
#include "mnemo/io/prefetch.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/training_state.hpp"
#include "mnemo/io/batches.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using io::Batches;
using io::Prefetch;

namespace {

Tensor numbered(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return from_values(values, {count});
}

Batches eleven_rows(std::uint64_t seed) {
  return Batches({numbered(11)}, {.size = 4, .seed = seed});
}

template <class Source>
std::vector<std::int64_t> deal(Source& source, int count) {
  std::vector<std::int64_t> all;
  for (int i = 0; i < count; ++i) {
    const auto batch = source.next();
    for (const std::int64_t row : batch[0].template span<std::int64_t>()) all.push_back(row);
  }
  return all;
}

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

bool same(const Variables& a, const Variables& b) {
  for (const Variable& variable : a) {
    if (variable.tensor.item() != b.at(variable.name).item()) return false;
  }
  return a.size() == b.size();
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the batches are those of the source, and so is the state after each") {
  for (const std::size_t depth : {1, 2, 7}) {
    Batches plain = eleven_rows(3);
    Batches source = eleven_rows(3);
    Prefetch prefetch(source, depth);
    CHECK(same(prefetch.variables(), plain.variables()));
    for (int i = 0; i < 20; ++i) {
      if (i % 7 == 0) wait_a_little();  // the queue is full by then
      CHECK(deal(prefetch, 1) == deal(plain, 1));
      CHECK(same(prefetch.variables(), plain.variables()));
    }
  }
}

TEST_CASE("saved in the middle of an epoch and loaded, no batch is lost or repeated") {
  for (int before = 0; before < 8; ++before) {
    Batches plain = eleven_rows(3);
    deal(plain, before);
    {
      Batches source = eleven_rows(3);
      Prefetch prefetch(source, 3);
      deal(prefetch, before);
      wait_a_little();
      io::save("prefetch.npz", TrainingState{{"data", prefetch}});
    }
    Batches source = eleven_rows(8);
    Prefetch prefetch(source, 2);
    deal(prefetch, 2);  // so that batches of another order lie ready
    wait_a_little();
    io::load("prefetch.npz", TrainingState{{"data", prefetch}});
    CHECK(deal(prefetch, 9) == deal(plain, 9));
  }
}

TEST_CASE("at its end the source stands where the state stands") {
  Batches plain = eleven_rows(3);
  Batches source = eleven_rows(3);
  {
    Prefetch prefetch(source, 5);
    CHECK(deal(prefetch, 4) == deal(plain, 4));
    wait_a_little();
  }
  CHECK(same(source.variables(), plain.variables()));
  CHECK(deal(source, 5) == deal(plain, 5));
  {
    const Prefetch prefetch(source);
    prefetch.variables().at("position").fill(0);  // edited, and never asked for a batch
  }
  CHECK(source.position() == 0);
}

TEST_CASE("a function of one's own prepares batches, its generator in the state") {
  struct Noisy {
    Batches batches = eleven_rows(4);
    Rng rng{9};
    TrainingState state{{"batches", batches}, {"random", rng}};
    Prefetch::Batch operator()() {
      const Tensor rows = cast(batches.next()[0], DType::float32);
      return {rows + rng.normal(rows.shape())};
    }
  };
  Noisy plain;
  Noisy noisy;
  Prefetch prefetch([&noisy] { return noisy(); }, noisy.state, 3);
  for (int i = 0; i < 9; ++i) {
    const Tensor expected = plain()[0];
    const Tensor actual = prefetch.next()[0];
    REQUIRE(actual.shape() == expected.shape());
    for (std::int64_t k = 0; k < actual.size(0); ++k) CHECK(actual.at({k}) == expected.at({k}));
    const auto position = [](const Variables& state) {
      return state.at("random/state").data<std::uint64_t>()[2];
    };
    CHECK(position(prefetch.variables()) == position(plain.state));
  }
}

TEST_CASE("what the function throws arrives in its place, and the next call tries again") {
  const Tensor count = zeros({}, DType::int64);
  bool broken = true;
  const auto produce = [&]() -> Prefetch::Batch {
    if (count.item() == 2.0 && broken) throw Error("no third batch");
    count.fill(count.item() + 1.0);
    return {count.clone()};
  };
  Prefetch prefetch(produce, {{"count", count}}, 4);
  CHECK(prefetch.next()[0].item() == 1.0);
  CHECK(prefetch.next()[0].item() == 2.0);
  CHECK(error_of([&] { prefetch.next(); }) == "no third batch");
  CHECK(error_of([&] { prefetch.next(); }) == "no third batch");
  CHECK(prefetch.variables().at("count").item() == 2.0);
  broken = false;
  CHECK(prefetch.next()[0].item() == 3.0);

  Batches source = eleven_rows(1);
  Prefetch rows(source);
  deal(rows, 1);
  rows.variables().at("position").fill(99);
  CHECK(error_of([&] { rows.next(); }).find("position 99") != std::string::npos);
  rows.variables().at("position").fill(0);
  CHECK(rows.next().size() == 1);
}

TEST_CASE("a prefetch that cannot be is refused") {
  Batches source = eleven_rows(1);
  CHECK_THROWS_AS(Prefetch(source, 0), Error);
  CHECK_THROWS_AS(Prefetch(Prefetch::Produce(), {}), Error);
}
