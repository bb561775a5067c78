#include "mnemo/core/shape_ops.hpp"

#include <doctest/doctest.h>

#include <array>

#include "mnemo/core/arithmetic.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/core/parallel.hpp"
#include "mnemo/core/reduce.hpp"
#include "mnemo/core/rng.hpp"
#include "tensor_values.hpp"

using namespace mnemo;

TEST_CASE("permute moves every element to where its definition says") {
  // Lengths around the tile of 16 and beyond, in all orders of three axes.
  const Tensor x = counted({19, 35, 17});
  for (const auto& order : std::vector<std::vector<std::int64_t>>{
           {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {-1, 0, -2}}) {
    const Tensor y = permute(x, order);
    List expected;
    std::array<std::int64_t, 3> strides{35 * 17, 17, 1};
    const auto axis = [&](std::size_t i) {
      return static_cast<std::size_t>(order[i] < 0 ? order[i] + 3 : order[i]);
    };
    for (std::int64_t i = 0; i < x.shape()[axis(0)]; ++i) {
      for (std::int64_t j = 0; j < x.shape()[axis(1)]; ++j) {
        for (std::int64_t k = 0; k < x.shape()[axis(2)]; ++k) {
          expected.push_back(static_cast<double>(i * strides[axis(0)] + j * strides[axis(1)] +
                                                 k * strides[axis(2)]));
        }
      }
    }
    CHECK(values(y) == expected);
  }
}

TEST_CASE(
    "transpose works for every dtype, rank and empty shapes, the same on any number of threads") {
  for (const DType dtype : {DType::boolean, DType::uint8, DType::int16, DType::float16,
                            DType::int32, DType::uint64, DType::float32, DType::float64}) {
    const Tensor x = cast(tensor({0, 1, 1, 0, 0, 1}), dtype).reshape({2, 3});
    CHECK(values(transpose(x)) == List{0, 0, 1, 0, 1, 1});
    CHECK(transpose(x).dtype() == dtype);
  }
  CHECK(transpose(zeros({0, 3})).shape() == Shape{3, 0});
  CHECK(permute(scalar(3.0), {}).item() == 3.0);
  CHECK(transpose(counted({4, 1, 3}), 0, 2).shape() == Shape{3, 1, 4});
  const Tensor long_one = counted({3, 70001});
  const Tensor back = transpose(transpose(long_one));
  CHECK(values(back) == values(long_one));
  set_threads(1);
  CHECK(values(transpose(long_one)) == values(transpose(long_one)));
  set_threads(2);
  CHECK(error_of([&] { transpose(scalar(1.0)); }).find("rank 0") != std::string::npos);
  CHECK(error_of([&] { permute(long_one, {0, 0}); }).find("twice") != std::string::npos);
  CHECK(error_of([&] { permute(long_one, {0}); }).find("[3, 70001]") != std::string::npos);
}

TEST_CASE("flatten, squeeze and unsqueeze rename the shape and share the elements") {
  const Tensor x = counted({2, 1, 3, 1});
  CHECK(flatten(x).shape() == Shape{6});
  CHECK(flatten(x, 1).shape() == Shape{2, 3});
  CHECK(flatten(x, -3, -2).shape() == Shape{2, 3, 1});
  CHECK(flatten(scalar(1.0)).shape() == Shape{1});
  CHECK(squeeze(x).shape() == Shape{2, 3});
  CHECK(squeeze(x, {-1}).shape() == Shape{2, 1, 3});
  CHECK(squeeze(ones({1, 1})).shape() == Shape{});
  CHECK(unsqueeze(x, 0).shape() == Shape{1, 2, 1, 3, 1});
  CHECK(unsqueeze(x, -1).shape() == Shape{2, 1, 3, 1, 1});
  CHECK(unsqueeze(scalar(1.0), 0).shape() == Shape{1});
  CHECK(squeeze(x).shares_storage_with(x));
  CHECK(error_of([&] { squeeze(x, {0}); }).find("length 1") != std::string::npos);
  CHECK(error_of([&] { unsqueeze(x, 6); }).find("axis 6") != std::string::npos);
  CHECK(error_of([&] { flatten(x, 2, 1); }) != "");
}

TEST_CASE("broadcast_to and expand repeat along axes of length 1") {
  const Tensor x = counted({2, 1});
  CHECK(values(broadcast_to(x, {2, 2, 3})) == List{0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1});
  CHECK(values(expand(x, {-1, 2})) == List{0, 0, 1, 1});
  CHECK(broadcast_to(counted({1, 3}), {0, 3}).shape() == Shape{0, 3});
  CHECK(broadcast_to(scalar(2.0), {2, 2}).shape() == Shape{2, 2});
  CHECK(error_of([&] { broadcast_to(x, {3, 1}); }).find("[2, 1]") != std::string::npos);
  CHECK(error_of([&] { expand(x, {-1, 2, 1}); }).find("-1") != std::string::npos);
  CHECK(error_of([&] { broadcast_to(x, {2, -4}); }) != "");
}

TEST_CASE("slice follows Python's rules for starts, stops and steps") {
  // Recorded: list(range(7))[start:stop:step].
  const Tensor x = counted({7});
  CHECK(values(slice(x, 0, 1, 5)) == List{1, 2, 3, 4});
  CHECK(values(slice(x, 0, -3)) == List{4, 5, 6});
  CHECK(values(slice(x, 0, 0, -2, 2)) == List{0, 2, 4});
  CHECK(values(slice(x, 0, 5, 2)) == List{});
  CHECK(values(slice(x, 0, -100, 100, 3)) == List{0, 3, 6});
  CHECK(values(slice(x, 0, to_end, to_end, -1)) == List{6, 5, 4, 3, 2, 1, 0});
  CHECK(values(slice(x, 0, 5, 1, -2)) == List{5, 3});
  CHECK(values(slice(x, 0, 4, -100, -3)) == List{4, 1});
  CHECK(values(slice(x, 0, 100, -3, -1)) == List{6, 5});
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  CHECK(values(slice(x, 0, 3, least, least)) == List{3});
  CHECK(values(slice(x, 0, 2, to_end, to_end)) == List{2});
  CHECK(values(slice(counted({3, 4}), {{.axis = -1, .start = 1, .step = 2},
                                       {.axis = 0, .start = 2}})) == List{9, 11});
  CHECK(values(slice(counted({3, 4}), {{.axis = 0, .start = -1, .stop = to_end, .step = -2}})) ==
        List{8, 9, 10, 11, 0, 1, 2, 3});
  CHECK(slice(zeros({0, 3}), 0, 0, 5).shape() == Shape{0, 3});
  CHECK(!slice(x, {}).shares_storage_with(x));
  CHECK(error_of([&] { slice(x, 0, 0, 3, 0); }).find("step") != std::string::npos);
  CHECK(error_of([&] { slice(x, 1, 0); }).find("axis 1") != std::string::npos);
  CHECK(error_of([&] {
          slice(x, {{.axis = 0}, {.axis = -1}});
        }).find("twice") != std::string::npos);
}

TEST_CASE("concat, stack, split and chunk put together and take apart") {
  const Tensor a = counted({2, 3});
  const Tensor b = counted({2, 1}) + 10.0;
  const Tensor joined = concat({a, b, a}, 1);
  CHECK(values(joined) == List{0, 1, 2, 10, 0, 1, 2, 3, 4, 5, 11, 3, 4, 5});
  CHECK(values(concat({a, zeros({0, 3})}, 0)) == values(a));
  CHECK(values(stack({a, a + 6.0}, -1)) == List{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  CHECK(stack({scalar(1.0), scalar(2.0)}).shape() == Shape{2});
  CHECK(values(concat({tensor({true}), tensor({false, true})})) == List{1, 0, 1});
  const auto parts = split(joined, {3, 1, 3}, -1);
  REQUIRE(parts.size() == 3);
  CHECK(values(parts[1]) == values(b));
  CHECK(values(concat(parts, 1)) == values(joined));
  const auto pieces = split(joined, 4, 1);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[1].shape() == Shape{2, 3});
  CHECK(split(joined, to_end, 1).size() == 1);
  // torch.chunk(torch.arange(7), 4) gives pieces of 2, 2, 2, 1; of 5: 2, 2, 2, 1 as well.
  CHECK(chunk(counted({7}), 4).size() == 4);
  CHECK(chunk(counted({7}), 5).size() == 4);
  CHECK(chunk(counted({7}), 100).size() == 7);
  CHECK(chunk(zeros({0, 2}), 3).size() == 1);
  CHECK(error_of([&] { concat({a, b}, 0); }).find("[2, 1]") != std::string::npos);
  CHECK(error_of([&] { concat({}); }) != "");
  CHECK(error_of([&] { stack({}); }) != "");
  CHECK(error_of([&] { concat({a, cast(a, DType::int64)}); }).find("int64") != std::string::npos);
  CHECK(error_of([&] { stack({a, b}); }) != "");
  CHECK(error_of([&] { split(a, {1, 1}, 1); }).find("add up") != std::string::npos);
  CHECK(error_of([&] { split(a, {5, -2}, 1); }).find("add up") != std::string::npos);
  CHECK(error_of([&] { split(a, 0); }) != "");
  CHECK(error_of([&] { chunk(a, 0); }) != "");
}

TEST_CASE("flip, roll, tile and repeat as NumPy's") {
  const Tensor x = counted({2, 3});
  CHECK(values(flip(x)) == List{5, 4, 3, 2, 1, 0});
  CHECK(values(flip(x, {-1})) == List{2, 1, 0, 5, 4, 3});
  CHECK(flip(zeros({0, 3})).shape() == Shape{0, 3});
  CHECK(values(roll(counted({5}), {2}, {0})) == List{3, 4, 0, 1, 2});
  CHECK(values(roll(counted({5}), {-6}, {0})) == List{1, 2, 3, 4, 0});
  CHECK(values(roll(x, {1, 1}, {0, 1})) == List{5, 3, 4, 2, 0, 1});
  CHECK(values(tile(x, {2})) == List{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(values(tile(counted({2}), {2, 2})) == List{0, 1, 0, 1, 0, 1, 0, 1});
  CHECK(tile(x, {1, 0}).shape() == Shape{2, 0});
  CHECK(values(tile(scalar(3.0), {2})) == List{3, 3});
  CHECK(values(repeat(x, 2, 1)) == List{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
  CHECK(values(repeat(x, 2, 0)) == List{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(error_of([&] { tile(x, {-1}); }) != "");
  CHECK(error_of([&] { repeat(x, -1, 0); }) != "");
  CHECK(error_of([&] { repeat(x, std::int64_t{1} << 62, 0); }) != "");
  CHECK(error_of([&] { roll(x, {1}, {0, 1}); }) != "");
}

TEST_CASE("pad as numpy.pad") {
  const Tensor x = counted({4});
  // numpy.pad(numpy.arange(4), (2, 3), mode)
  CHECK(values(pad(x, {{2, 3}}, PadMode::constant, 9.0)) == List{9, 9, 0, 1, 2, 3, 9, 9, 9});
  CHECK(values(pad(x, {{2, 3}}, PadMode::reflect)) == List{2, 1, 0, 1, 2, 3, 2, 1, 0});
  CHECK(values(pad(x, {{2, 3}}, PadMode::replicate)) == List{0, 0, 0, 1, 2, 3, 3, 3, 3});
  CHECK(values(pad(x, {{-1, 1}})) == List{1, 2, 3, 0});
  CHECK(values(pad(counted({2, 2}), {{1, 0}, {0, 1}})) == List{0, 0, 0, 0, 1, 0, 2, 3, 0});
  CHECK(values(pad(counted({2, 3}), {{0, 0}, {2, 1}}, PadMode::reflect)) ==
        List{2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4});
  CHECK(pad(zeros({0, 3}), {{1, 1}, {0, 0}}).shape() == Shape{2, 3});
  CHECK(pad(scalar(1.0), {}).item() == 1.0);
  CHECK(values(pad(tensor({true}), {{1, 1}})) == List{0, 1, 0});
  CHECK(error_of([&] {
          pad(x, {{4, 0}}, PadMode::reflect);
        }).find("reflection") != std::string::npos);
  CHECK(error_of([&] { pad(x, {{0, -1}}, PadMode::replicate); }) != "");
  CHECK(error_of([&] { pad(zeros({0}), {{1, 0}}, PadMode::replicate); }) != "");
  CHECK(error_of([&] { pad(x, {{-3, -3}}); }) != "");
  CHECK(error_of([&] { pad(x, {}); }).find("[4]") != std::string::npos);
  CHECK(error_of([&] { pad(x, {{to_end, to_end}}); }) != "");
}

TEST_CASE("pixel_shuffle puts channel c r² + i r + j at row i, column j of each block") {
  const Tensor x = counted({2, 8, 3, 2});
  const Tensor y = pixel_shuffle(x, 2);
  REQUIRE(y.shape() == Shape{2, 2, 6, 4});
  for (std::int64_t c = 0; c < 2; ++c) {
    for (std::int64_t i = 0; i < 2; ++i) {
      for (std::int64_t j = 0; j < 2; ++j) {
        CHECK(y.at({1, c, 2 * 2 + i, 2 * 1 + j}) == x.at({1, c * 4 + i * 2 + j, 2, 1}));
      }
    }
  }
  CHECK(values(pixel_unshuffle(y, 2)) == values(x));
  CHECK(error_of([&] { pixel_shuffle(x, 3); }).find("[2, 8, 3, 2]") != std::string::npos);
  CHECK(error_of([&] { pixel_unshuffle(x, 2); }) != "");
  CHECK(error_of([&] { pixel_shuffle(x, 0); }) != "");
}
