#include "mnemo/core/matmul.hpp"

#include <doctest/doctest.h>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

namespace {

Tensor random(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).normal(shape, 0.0, 1.0, DType::float64);
}

// The definition: [.., m, k, 1] times [.., 1, k, n], summed over k.
Tensor by_definition(const Tensor& a, const Tensor& b) {
  return sum(unsqueeze(a, -1) * unsqueeze(b, -3), {.axes = {-2}});
}

}  // namespace

TEST_CASE("matmul with batches that broadcast, transposed or not") {
  for (const auto& [left, right] : std::vector<std::pair<Shape, Shape>>{{{3, 4}, {4, 5}},
                                                                        {{2, 3, 4}, {4, 5}},
                                                                        {{3, 4}, {2, 4, 5}},
                                                                        {{2, 1, 3, 4}, {6, 4, 5}},
                                                                        {{1, 3, 4}, {7, 4, 2}},
                                                                        {{2, 3, 4}, {1, 1, 4, 2}},
                                                                        {{0, 3, 4}, {4, 5}},
                                                                        {{2, 0, 4}, {2, 4, 5}},
                                                                        {{2, 3, 0}, {2, 0, 5}},
                                                                        {{1, 1}, {1, 1}}}) {
    const Tensor a = random(left, 1);
    const Tensor b = random(right, 2);
    const Tensor expected = by_definition(a, b);
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        const Tensor result = matmul(ta ? transpose(a) : a, tb ? transpose(b) : b, ta, tb);
        CHECK(result.shape() == expected.shape());
        CHECK(distance(values(result), values(expected)) < 1e-13);
      }
    }
  }
}

TEST_CASE("vectors are rows on the left and columns on the right") {
  const Tensor a = random({4}, 1);
  const Tensor m = random({4, 3}, 2);
  const Tensor batch = random({2, 4, 3}, 3);
  CHECK(matmul(a, a).shape() == Shape{});
  CHECK(matmul(a, a).item() == doctest::Approx(sum(a * a).item()));
  CHECK(matmul(a, m).shape() == Shape{3});
  CHECK(distance(values(matmul(a, m)), values(sum(unsqueeze(a, 1) * m, {.axes = {0}}))) < 1e-14);
  CHECK(matmul(a, batch).shape() == Shape{2, 3});
  CHECK(matmul(batch, random({3}, 4)).shape() == Shape{2, 4});
  CHECK(matmul(zeros({0}), zeros({0})).item() == 0.0);
  CHECK(values(matmul(zeros({0}), zeros({0, 2}))) == List{0, 0});
  CHECK(dot(tensor({1.0f, 2.0f}), tensor({3.0f, 4.0f})).item() == 11.0);
  CHECK(values(outer(tensor({1.0f, 2.0f}), tensor({3.0f, 4.0f}))) == List{3, 4, 6, 8});
  CHECK(outer(zeros({0}), zeros({3})).shape() == Shape{0, 3});
}

TEST_CASE("linear along the last axis, of any rank and of nothing") {
  const Tensor x = random({2, 3, 4}, 1);
  const Tensor w = random({5, 4}, 2);
  const Tensor b = random({5}, 3);
  CHECK(distance(values(linear(x, w, b)), values(matmul(x, transpose(w)) + b)) < 1e-13);
  CHECK(linear(random({4}, 1), w, b).shape() == Shape{5});
  CHECK(values(linear(zeros({3, 0}), zeros({2, 0}), tensor({1.0f, 2.0f}))) ==
        List{1, 2, 1, 2, 1, 2});
  CHECK(values(linear(zeros({1, 3, 0}), zeros({2, 0}))) == List(6, 0.0));
  CHECK(linear(zeros({0, 4}), zeros({2, 4})).shape() == Shape{0, 2});
}

TEST_CASE("batches of products are the same bits for any number of threads") {
  const Tensor a = random({9, 70, 65}, 1);
  const Tensor b = random({65, 80}, 2);
  const Tensor c = random({9, 80, 70}, 3);
  set_threads(1);
  const List one = values(matmul(matmul(a, b), c));
  set_threads(2);
  CHECK(values(matmul(matmul(a, b), c)) == one);
}

TEST_CASE("what does not fit is refused with its shapes") {
  CHECK(error_of([] {
          matmul(zeros({2, 3}), zeros({2, 3}));
        }).find("3 and 2") != std::string::npos);
  CHECK(error_of([] {
          matmul(zeros({2, 2, 3}), zeros({3, 3, 2}));
        }).find("matmul: shapes [2] and [3]") == 0);
  CHECK(error_of([] { matmul(scalar(1.0), zeros({2})); }).find("[]") != std::string::npos);
  CHECK(error_of([] { matmul(zeros({2}), zeros({2}), true); }).find("transpose") !=
        std::string::npos);
  CHECK(error_of([] {
          matmul(zeros({2, 2}), zeros({2, 2}, DType::float64));
        }).find("float64") != std::string::npos);
  CHECK(error_of([] {
          matmul(zeros({2, 2}, DType::int64), zeros({2, 2}, DType::int64));
        }).find("int64") != std::string::npos);
  CHECK(error_of([] { dot(zeros({2}), zeros({3})); }).find("dot") == 0);
  CHECK(error_of([] { outer(zeros({2, 1}), zeros({3})); }).find("outer") == 0);
  CHECK(error_of([] { linear(zeros({2, 3}), zeros({4, 2})); }).find("[4, 2]") != std::string::npos);
}
