/// Where nodes of graphs and heads of tensors lie in memory: they change threads, outlive them, and go
/// back to the operating system.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/differentiable.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/storage.hpp"
#include "mnemo/core/tensor.hpp"

using namespace mnemo;

namespace {

struct Graph {
  Tensor x, y;
  int length;

  explicit Graph(int length_) : x(ones({2}).set_requires_grad()), y(x), length(length_) {
    // Three sizes of nodes: of one input, of two, of a rule that keeps a shape.
    for (int i = 0; i < length; ++i) y = y + 1.0;
    y = sum((y * x).reshape({2, 1}));
  }
  bool is_right() const {
    return y.item() == 2.0 * (length + 1) && grad(y, {x})[0].at({0}) == length + 2.0;
  }
};

std::int64_t resident_bytes() {
  std::int64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("graphs go from the thread that made them to others, and outlive it") {
  std::vector<Graph> graphs;
  for (int round = 0; round < 5; ++round) {
    std::thread([&] {
      for (int i = 0; i < 4; ++i) graphs.emplace_back(500 + i);
    }).join();
    for (const Graph& graph : graphs) CHECK(graph.is_right());
    graphs.erase(graphs.begin(), graphs.begin() + 2);  // some by this thread
    std::thread([&] { graphs.erase(graphs.begin()); }).join();
  }
  CHECK(graphs.size() == 5);
  for (const Graph& graph : graphs) CHECK(graph.is_right());
}

TEST_CASE("threads make and drop graphs at the same time") {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      std::vector<Graph> kept;
      for (int round = 0; round < 20; ++round) {
        kept.emplace_back(50 + 10 * static_cast<int>(i) + round);
        wrong[i] += !kept.back().is_right();
        if (kept.size() == 3) kept.erase(kept.begin());
        if (round % 5 == 0) memory::empty_cache();
      }
      for (const Graph& graph : kept) wrong[i] += !graph.is_right();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0);
}

TEST_CASE("a tensor of a thread comes and goes after all else of it") {
  struct Late {
    Tensor tensor;
    bool* is_right;
    // By then what the thread kept at hand has gone, because it was there later.
    ~Late() {
      tensor = Tensor();
      *is_right = Graph(200).is_right();
    }
  };
  for (int round = 0; round < 3; ++round) {
    bool is_right = false;
    std::thread([&] {
      thread_local Late late{Tensor(), &is_right};
      late.tensor = Graph(100).y;
    }).join();
    CHECK(is_right);
  }
}

TEST_CASE("a rule may capture what is aligned to more than a pointer") {
  struct alignas(128) Factor {
    double values[40];  // more than a small node has
  };
  const Tensor x = ones({2}).set_requires_grad();
  std::vector<Tensor> results;
  for (int i = 0; i < 20; ++i) {
    Factor factor{};
    factor.values[39] = i;
    const auto rule = [factor](Pullback& back) {
      CHECK(reinterpret_cast<std::uintptr_t>(&factor) % alignof(Factor) == 0);
      back.to(0, [&] { return back.gradient() * factor.values[39]; });
    };
    results.push_back(sum(record("scaled", x.detach() * static_cast<double>(i), {}, rule, x)));
  }
  for (int i = 0; i < 20; ++i) CHECK(grad(results[i], {x})[0].at({1}) == i);
}

TEST_CASE("what a large graph took goes back to the operating system") {
  if (std::getenv("MNEMO_SANITIZED")) return;
  { Graph(1000); }
  for (int round = 0; round < 3; ++round) {
    memory::empty_cache();
    const std::int64_t before = resident_bytes();
    {
      const Graph graph(200000);
      CHECK(graph.is_right());
    }
    CHECK(resident_bytes() - before > 40'000'000);  // kept for the next one
    memory::empty_cache();
    CHECK(resident_bytes() - before < 20'000'000);
  }
}
