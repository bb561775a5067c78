/// Clipping, accumulation and averages: the arithmetic by hand, state, errors, threads.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "mnemo/core/grad.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/optim/accumulate.hpp"
#include "mnemo/optim/clip.hpp"
#include "mnemo/optim/moving_average.hpp"

using namespace mnemo;

namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Variables gradients(double a, double b, double c) {
  return {{"w", tensor({a, b})}, {"b", tensor({static_cast<float>(c)})}};
}

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("the global norm is that of all elements together") {
  CHECK(optim::global_norm(gradients(2.0, 3.0, 6.0)) == 7.0);
  CHECK(optim::global_norm({}) == 0.0);
  CHECK(optim::global_norm(gradients(0.0, 0.0, 0.0)) == 0.0);
  // Squares that leave the range of a double do not spoil it.
  CHECK(std::abs(optim::global_norm(gradients(3e200, 4e200, 0.0)) / 5e200 - 1.0) <= 1e-15);
  CHECK(std::abs(optim::global_norm(gradients(3e-200, 4e-200, 0.0)) / 5e-200 - 1.0) <= 1e-15);
  CHECK(std::abs(optim::global_norm(gradients(1.7e308, 0.0, 0.0)) / 1.7e308 - 1.0) <= 1e-15);

  Rng rng(4);
  const Variables large{{"a", rng.normal({100003})},
                        {"b", rng.normal({77}, 0.0, 1.0, DType::float64)}};
  long double sum = 0.0L;
  for (const float x : large.at("a").span<float>()) sum += static_cast<long double>(x) * x;
  for (const double x : large.at("b").span<double>()) sum += static_cast<long double>(x) * x;
  const int before = threads();
  set_threads(1);
  const double one = optim::global_norm(large);
  set_threads(3);
  const double three = optim::global_norm(large);
  set_threads(before);
  CHECK(one == three);
  CHECK(std::abs(one - static_cast<double>(std::sqrt(sum))) <= 1e-12 * one);
}

TEST_CASE("clipping by the global norm scales all, by value each element") {
  Variables clipped = gradients(2.0, -3.0, 6.0);
  const Variables kept = clipped;
  CHECK(optim::clip_by_global_norm(clipped, 3.5) == 7.0);
  CHECK(clipped.at("w").at({0}) == 1.0);
  CHECK(clipped.at("w").at({1}) == -1.5);
  CHECK(clipped.at("b").at({0}) == 3.0);
  CHECK(kept.at("w").at({1}) == -3.0);  // what else holds the gradients sees the old ones

  Variables small = kept;
  CHECK(optim::clip_by_global_norm(small, 7.0) == 7.0);
  CHECK(small.at("w").shares_storage_with(kept.at("w")));  // nothing to do, nothing done

  Variables limited = kept;
  CHECK(optim::clip_by_value(limited, 2.5) == 7.0);
  CHECK(limited.at("w").at({0}) == 2.0);
  CHECK(limited.at("w").at({1}) == -2.5);
  CHECK(limited.at("b").at({0}) == 2.5);
}

TEST_CASE("one tensor under two names is clipped once") {
  const Tensor shared = tensor({3.0, 4.0});
  Variables both{{"a", shared}, {"b", shared}};
  optim::clip_by_global_norm(both, 1.0);
  CHECK(std::abs(both.at("a").at({0}) - 3.0 / std::sqrt(50.0)) <= 1e-15);
  CHECK(std::abs(both.at("b").at({1}) - 4.0 / std::sqrt(50.0)) <= 1e-15);
}

TEST_CASE("gradients that are not finite are named") {
  for (const double bad : {infinity, -infinity, std::nan("")}) {
    Variables spoilt = gradients(1.0, bad, 0.0);
    CHECK(error_of([&] {
            optim::clip_by_global_norm(spoilt, 1.0);
          }).starts_with("clip: gradient 'w' holds "));
    CHECK_THROWS_AS(optim::clip_by_value(spoilt, 1.0), Error);
    CHECK_THROWS_AS(optim::global_norm(spoilt), Error);
  }
  Variables fine = gradients(1.0, 2.0, 0.0);
  CHECK(error_of([&] { optim::clip_by_global_norm(fine, 0.0); }) ==
        "clip_by_global_norm: the maximum is 0, not above 0");
  CHECK_THROWS_AS(optim::clip_by_value(fine, std::nan("")), Error);
  Variables counts{{"n", zeros({2}, DType::int64)}};
  CHECK_THROWS_AS(optim::clip_by_global_norm(counts, 1.0), Error);
}

TEST_CASE("micro-batches add up to their weighted mean, also across a restart") {
  const Tensor weight = zeros({2}, DType::float64).set_requires_grad();
  const Tensor bias = zeros({}, DType::float64).set_requires_grad();
  const Variables parameters{{"w", weight}, {"b", bias}};
  const auto gradient = [](double a, double b, double c) {
    return Variables{{"b", scalar(c, DType::float64)}, {"w", tensor({a, b})}};
  };
  optim::GradientAccumulator first(parameters);
  first.add(gradient(1.0, 2.0, 3.0), 3.0);
  optim::GradientAccumulator second(parameters);
  for (const Variable& state : second.variables())
    state.tensor.assign(first.variables().at(state.name));
  second.add(gradient(5.0, -2.0, 7.0));
  CHECK(second.count() == 2);
  const Variables mean = second.take();
  CHECK(mean.at("w").at({0}) == 2.0);
  CHECK(mean.at("w").at({1}) == 1.0);
  CHECK(mean.at("b").item() == 4.0);
  CHECK(second.count() == 0);
  CHECK(error_of([&] { second.take(); }) == "GradientAccumulator: no gradients have been added");
  CHECK(mean.at("b").item() == 4.0);
  second.add(gradient(1.0, 1.0, 1.0));
  CHECK(second.take().at("w").at({0}) == 1.0);  // nothing was left of before
}

TEST_CASE("an accumulator says what is wrong and stays as it was") {
  const Tensor weight = zeros({2}).set_requires_grad();
  const Tensor frozen = zeros({1});
  const Variables parameters{{"w", weight}, {"frozen", frozen}};
  optim::GradientAccumulator accumulator(parameters);
  CHECK(error_of([&] { accumulator.add({}); }) ==
        "GradientAccumulator: there is no gradient for parameter 'w'");
  CHECK(error_of([&] {
          accumulator.add({{"w", zeros({3})}});
        }) ==
        "GradientAccumulator: the gradient of 'w' is [3] of float32, the parameter is [2] of "
        "float32");
  CHECK(error_of([&] {
          accumulator.add({{"w", ones({2})}, {"v", ones({2})}});
        }) == "GradientAccumulator: gradient 'v' belongs to none of the parameters");
  CHECK_THROWS_AS(accumulator.add({{"w", ones({2})}}, 0.0), Error);
  CHECK_THROWS_AS(optim::GradientAccumulator({}), Error);
  CHECK_THROWS_AS(optim::GradientAccumulator({{"n", zeros({2}, DType::int32)}}), Error);
  CHECK(accumulator.count() == 0);
  accumulator.add({{"w", ones({2})}});
  CHECK(accumulator.take().size() == 1);  // not the frozen one
  optim::GradientAccumulator lenient(parameters, optim::MissingGradient::skip);
  lenient.add({});
  lenient.add({{"w", ones({2})}});
  CHECK(lenient.take().at("w").at({0}) == 0.5);
}

TEST_CASE("the moving average follows its formula, with and without warm-up") {
  for (const bool warm_up : {false, true}) {
    const Tensor weight = tensor({1.0, -2.0}).set_requires_grad();
    const Tensor count = zeros({}, DType::int64);
    optim::ExponentialMovingAverage average({{"w", weight}, {"count", count}},
                                            {.decay = 0.9, .warm_up = warm_up});
    CHECK(average.averages().at("w").at({1}) == -2.0);
    double expected = 1.0;
    for (int t = 0; t < 120; ++t) {
      weight.mutable_data<double>()[0] = std::sin(t);
      count.fill(t);
      const double decay = warm_up ? std::min(0.9, (1.0 + t) / (10.0 + t)) : 0.9;
      expected = decay * expected + (1.0 - decay) * std::sin(t);
      average.update();
      CHECK(std::abs(average.averages().at("w").at({0}) - expected) <= 1e-14);
    }
    CHECK(average.averages().at("count").item() == 119.0);
    CHECK(average.variables().at("average/w").at({0}) == average.averages().at("w").at({0}));
    CHECK(average.steps() == 120);
  }
}

TEST_CASE("averages are applied for a while, exchanged, or copied into another model") {
  const Tensor weight = tensor({1.0, 2.0}).set_requires_grad();
  optim::ExponentialMovingAverage average({{"w", weight}}, {.decay = 0.5, .warm_up = false});
  weight.mutable_data<double>()[0] = 3.0;
  average.update();
  {
    const auto applied = average.applied();
    CHECK(weight.at({0}) == 2.0);
  }
  CHECK(weight.at({0}) == 3.0);
  average.swap();
  CHECK(weight.at({0}) == 2.0);
  CHECK(average.averages().at("w").at({0}) == 3.0);
  average.swap();

  const Tensor other = zeros({2}, DType::float64).set_requires_grad();
  average.copy_to({{"w", other}, {"more", zeros({1})}});
  CHECK(other.at({0}) == 2.0);
  CHECK(error_of([&] {
          average.copy_to({{"w", zeros({2})}});
        }) == "ExponentialMovingAverage: 'w' is [2] of float32, its average is [2] of float64");
  CHECK_THROWS_AS(average.copy_to({{"v", other}}), Error);
  CHECK_THROWS_AS(optim::ExponentialMovingAverage({{"w", weight}}, {.decay = 1.0}), Error);
  CHECK_THROWS_AS(optim::ExponentialMovingAverage({}), Error);
}

TEST_CASE("the average has the same bits on any number of threads") {
  const int before = threads();
  std::vector<Tensor> results;
  for (const int count : {1, 3}) {
    set_threads(count);
    Rng rng(8);
    const Tensor weight = rng.normal({50021});
    optim::ExponentialMovingAverage average({{"w", weight}});
    for (int step = 0; step < 3; ++step) {
      weight.assign(rng.normal({50021}));
      average.update();
    }
    results.push_back(average.averages().at("w").clone());
  }
  set_threads(before);
  CHECK(same_bits(results[0], results[1]));
}
