#include "mnemo/core/tensor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "errors.hpp"
#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/math.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"

using namespace mnemo;

TEST_CASE("a tensor is a handle; clone copies, reshape and detach share") {
  const Tensor a = tensor({1.0f, 2.0f, 3.0f, 4.0f});
  const Tensor b = a;
  const Tensor view = a.reshape({2, -1});
  const Tensor copy = a.clone();
  a.mutable_data<float>()[3] = 9.0f;
  CHECK(b.at({3}) == 9.0);
  CHECK(view.at({1, -1}) == 9.0);
  CHECK(a.detach().at({-1}) == 9.0);
  CHECK(copy.at({3}) == 4.0);
  CHECK(view.shares_storage_with(a));
  CHECK_FALSE(copy.shares_storage_with(a));
  CHECK(a.version() == view.version());
}

TEST_CASE("shapes of any rank, empty ones and scalars") {
  CHECK(scalar(2.5).rank() == 0);
  CHECK(scalar(2.5).item() == 2.5);
  CHECK(zeros({0, 3}).elements() == 0);
  const Shape deep({1, 2, 1, 2, 1, 2, 1, 2});
  const Tensor x = ones(deep);
  CHECK(x.reshape({16}).elements() == 16);
  CHECK(x.size(-1) == 2);
  CHECK(to_string(deep) == "[1, 2, 1, 2, 1, 2, 1, 2]");
  CHECK(zeros({0, 3}).reshape({3, 0, 7}).shape() == Shape{3, 0, 7});
}

TEST_CASE("shapes of few and of many axes are copied, moved and changed alike") {
  const auto counted = [](std::size_t rank) {  // [1, 2, 3, ...]
    Shape shape(rank, 0);
    for (std::size_t axis = 0; axis < rank; ++axis)
      shape[axis] = static_cast<std::int64_t>(axis) + 1;
    return shape;
  };
  for (std::size_t rank = 0; rank < 7; ++rank) {
    CAPTURE(rank);
    Shape shape = counted(rank);
    for (std::size_t before = 0; before < 7; ++before) {
      Shape other = counted(before);
      other = shape;
      CHECK(other == shape);
      other.push_back(9);
      CHECK(shape == counted(rank));  // a copy, not the same lengths
      CHECK(other.rank() == rank + 1);
      CHECK(other.back() == 9);
      other.erase(rank);
      CHECK(other == shape);
      Shape taken = counted(before);
      taken = std::move(other);
      CHECK(taken == shape);
    }
    shape.insert(0, 7);
    CHECK(shape[0] == 7);
    shape.erase(0);
    CHECK(shape == counted(rank));
  }
}

TEST_CASE("bad shapes and accesses are errors that say what was found") {
  const Tensor x = zeros({2, 3});
  CHECK(mentions(error_of([&] { x.reshape({4, -1}); }), {"reshape", "[2, 3]", "[4, -1]"}));
  CHECK(mentions(error_of([&] { x.reshape({-1, -1}); }), {"reshape", "negative"}));
  CHECK(mentions(error_of([&] { zeros({2, -3}); }), {"[2, -3]", "negative"}));
  CHECK(mentions(error_of([&] { zeros({1LL << 40, 1LL << 40}); }), {"more elements"}));
  CHECK(mentions(error_of([&] { zeros({0, 1LL << 40, 1LL << 40}); }), {"more elements"}));
  CHECK(mentions(error_of([&] { x.data<double>(); }), {"float32", "float64"}));
  CHECK(mentions(error_of([&] { x.item(); }), {"item", "[2, 3]"}));
  CHECK(mentions(error_of([&] { x.at({2, 0}); }), {"at", "[2, 0]", "[2, 3]"}));
  CHECK(mentions(error_of([&] { x.at({0}); }), {"at", "[0]", "[2, 3]"}));
  CHECK(mentions(error_of([&] { x.size(2); }), {"axis 2", "rank 2"}));
  CHECK(mentions(error_of([&] { Tensor().shape(); }), {"undefined"}));
  CHECK(mentions(error_of([&] { x.assign(zeros({3, 2})); }), {"assign", "[2, 3]", "[3, 2]"}));
  CHECK(mentions(error_of([&] { x + zeros({4}); }), {"add", "[2, 3]", "[4]"}));
  CHECK(mentions(error_of([&] { x + zeros({3}, DType::float64); }), {"add", "float32", "float64"}));
  CHECK(mentions(error_of([&] { tanh(zeros({3}, DType::int64)); }), {"tanh", "int64"}));
  CHECK(mentions(error_of([&] {
                   from_values<float>(std::vector<float>{1, 2}, {3});
                 }),
                 {"2", "[3]"}));
}

TEST_CASE("casts keep values or refuse them") {
  const Tensor x = tensor({-1.5, 0.0, 2.5});
  CHECK(cast(x, DType::int8).at({0}) == -1.0);
  CHECK(cast(x, DType::boolean).at({0}) == 1.0);
  CHECK(cast(x, DType::float32).dtype() == DType::float32);
  CHECK_THROWS_AS(cast(x, DType::uint8), Error);
  CHECK_THROWS_AS(cast(tensor({256.0}), DType::uint8), Error);
  CHECK(cast(tensor({255.9}), DType::uint8).item() == 255.0);
  CHECK_THROWS_AS(cast(tensor({std::nan("")}), DType::int32), Error);
  CHECK_THROWS_AS(cast(tensor({9223372036854775808.0}), DType::int64), Error);
  CHECK(cast(tensor({-9223372036854775808.0}), DType::int64).item() == -9223372036854775808.0);
  CHECK_THROWS_AS(cast(tensor<std::int64_t>({-1}), DType::uint64), Error);
}

TEST_CASE("float16 rounds to nearest even, to subnormals and to infinity") {
  // Values and bits from the tables of IEEE 754 binary16.
  const struct {
    float value;
    std::uint16_t bits;
  } cases[] = {{1.0f, 0x3C00},
               {-2.0f, 0xC000},
               {65504.0f, 0x7BFF},
               {65520.0f, 0x7C00},
               {65519.0f, 0x7BFF},
               {0x1p-24f, 0x0001},
               {0x1p-25f, 0x0000},
               {0x1.8p-25f, 0x0001},
               {0x1p-14f, 0x0400},
               {0x1.ff8p-15f, 0x03FF},
               {1.0f + 0x1p-11f, 0x3C00},
               {1.0f + 0x3p-11f, 0x3C02},
               {0.333251953125f, 0x3555},
               {-0.0f, 0x8000}};
  for (const auto& [value, bits] : cases) {
    CHECK(cast(tensor({value}), DType::float16).data<Half>()->bits == bits);
  }
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {  // there and back for every finite one
    const Tensor half = from_values(std::vector<Half>{{static_cast<std::uint16_t>(bits)}}, {1});
    REQUIRE(cast(cast(half, DType::float32), DType::float16).data<Half>()->bits == bits);
  }
  CHECK(std::isnan(cast(cast(tensor({std::nanf("")}), DType::float16), DType::float32).item()));
}

TEST_CASE("writing in place is refused where it would change a recorded computation") {
  const Tensor p = ones({3}).set_requires_grad();
  CHECK_THROWS_AS(p.fill(2.0), Error);
  CHECK_THROWS_AS(p.assign(zeros({3})), Error);
  CHECK_THROWS_AS(p += 1.0, Error);
  {
    const NoGrad no_grad;
    p += 1.0;
  }
  CHECK(p.at({0}) == 2.0);
  CHECK(p.requires_grad());
}

TEST_CASE("printing is like NumPy's, with shape and dtype") {
  CHECK(to_string(tensor<std::int64_t>({1, 2, 3})) == "[1, 2, 3]  shape=[3] dtype=int64");
  CHECK(mentions(to_string(zeros({2, 2})), {"[[", "]]", "shape=[2, 2]", "float32"}));
  CHECK(mentions(to_string(zeros({100, 100})), {"..."}));
  CHECK(mentions(to_string(scalar(2.5)), {"2.5", "shape=[]"}));
  CHECK(mentions(to_string(zeros({0, 3})), {"shape=[0, 3]"}));
  CHECK(mentions(to_string(tensor<std::uint8_t>({65, 66})), {"65", "66", "uint8"}));
  CHECK(mentions(to_string(tensor<bool>({true, false})), {"true", "false", "bool"}));
  CHECK(mentions(to_string(cast(ones({2}), DType::float16)), {"float16"}));
  CHECK(to_string(Tensor()) == "tensor(undefined)");
}

TEST_CASE("storage comes back from the cache, within its limit") {
  memory::empty_cache();
  const auto before = memory::statistics();
  const void* first = nullptr;
  { first = zeros({1000}).raw(); }
  CHECK(memory::statistics().cached > 0);
  CHECK(zeros({1000}).raw() == first);
  CHECK(memory::statistics().reused == before.reused + 1);
  memory::set_cache_limit(0);
  CHECK(memory::statistics().cached == 0);
  { zeros({1000}); }
  CHECK(memory::statistics().cached == 0);
  memory::set_cache_limit(std::size_t{2} << 30);
  CHECK(memory::statistics().in_use == before.in_use);
}

TEST_CASE("blocks that share huge pages go back to the operating system together") {
  memory::empty_cache();
  REQUIRE(memory::statistics().cached == 0);
  Tensor first = ones({100, 1000}), second = full({90, 1000}, 2.0);
  first = Tensor();
  memory::empty_cache();  // whether `first` has left or waits: `second` is untouched
  CHECK(sum(second).item() == 2.0 * 90 * 1000);
  second = Tensor();
  memory::empty_cache();
  CHECK(memory::statistics().cached == 0);

  memory::set_cache_limit(std::size_t{1} << 20);
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 100; ++i) many.push_back(full({50, 1000 + 100 * (i % 7)}, i));
    for (int i = 0; i < 100; i += 3) many[i] = full({40, 1000}, i);
    for (int i = 0; i < 100; ++i) CHECK(max(many[i]).item() == i);
  }
  // All but the last megabyte has gone, whichever order the blocks came back in.
  CHECK(memory::statistics().cached <= std::size_t{1} << 20);
  memory::set_cache_limit(std::size_t{2} << 30);
  memory::empty_cache();
  CHECK(memory::statistics().cached == 0);
}

TEST_CASE("sums are exact enough and the same for broadcast shapes") {
  // 2^24 + 1 ones: a plain float32 loop stops counting at 2^24.
  const std::int64_t many = (1 << 24) + 1;
  CHECK(sum(ones({many})).item() == static_cast<double>((1 << 24)));  // nearest float32
  CHECK(sum(cast(ones({many}), DType::float64)).item() == static_cast<double>(many));
  CHECK(mean(ones({many})).item() == 1.0);
  const Tensor x = Rng(1).uniform({7, 5, 3}, 0, 1, DType::float64);
  const Tensor middle = sum(x, {.axes = {1}});
  for (std::int64_t i = 0; i < 7; ++i) {
    for (std::int64_t k = 0; k < 3; ++k) {
      double expected = 0.0;
      for (std::int64_t j = 0; j < 5; ++j) expected += x.at({i, j, k});
      CHECK(middle.at({i, k}) == doctest::Approx(expected).epsilon(1e-15));
    }
  }
  CHECK(sum(zeros({0, 3}), {.axes = {0}}).shape() == Shape{3});
  CHECK(sum(zeros({0, 3})).item() == 0.0);
  CHECK(std::isnan(mean(zeros({0, 3})).item()));  // as in NumPy
  CHECK_THROWS_AS(sum(x, {.axes = {0, -3}}), Error);
  CHECK_THROWS_AS(sum(x, {.axes = {3}}), Error);
}

TEST_CASE("an element's value does not depend on where it stands") {
  // A vector's rest goes through the same instructions as full vectors.
  const Tensor long_row = Rng(4).normal({67});
  const Tensor whole = tanh(long_row);
  for (std::int64_t i = 0; i < 67; ++i) {
    const Tensor alone = tanh(tensor({long_row.data<float>()[i]}));
    CHECK(alone.data<float>()[0] == whole.data<float>()[i]);
  }
}
