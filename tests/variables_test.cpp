#include "mnemo/core/variables.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include "errors.hpp"

using namespace mnemo;

TEST_CASE("variables keep their order and share the tensors") {
  const Tensor weight = ones({2, 3});
  Variables layer{{"weight", weight}, {"bias", zeros({2})}};
  Variables model;
  model.add("up1", layer);
  model.add("step", zeros({}, DType::int64));
  CHECK(model[0].name == "up1/weight");
  CHECK(model[2].name == "step");
  model["up1/weight"].fill(4.0);
  CHECK(weight.at({0, 0}) == 4.0);
  CHECK(model.elements() == 9);
  CHECK(model.bytes() == 8 * 4 + 8);
}

TEST_CASE("names are unique paths") {
  Variables variables{{"a", ones({1})}};
  CHECK(error_of([&] { variables.add("a", ones({1})); }).find("'a'") != std::string::npos);
  CHECK_THROWS_AS(variables.add("b", Tensor()), Error);
  for (const char* bad :
       {"",      "/a",   "a/",           "a//b",  "a/../b",   ".",           "a/.",
        "x.npy", "file", "allow_pickle", "..\\a", "a\\..\\b", "c:\\d",       "\\a",
        "c:/d",  "c:",   "tab\there",    "\xff",  "\xc0\xaf", "\xed\xa0\x80"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(variables.add(bad, ones({1})), Error);
  }
  CHECK_THROWS_AS(variables.add(std::string(1025, 'a'), ones({1})), Error);
  for (const char* good : {"b", "a.b", "files", "größe/weight", "\xf0\x9f\x98\x80", "npy", "a/file",
                           "kernel:0", "a\\b"}) {
    CAPTURE(good);
    CHECK_NOTHROW(variables.add(good, ones({1})));
  }
}

TEST_CASE("a group is added whole or not at all") {
  Variables state{{"g/b", ones({1})}};
  const Variables group{{"a", ones({1})}, {"b", ones({1})}};
  CHECK_THROWS_AS(state.add("g", group), Error);
  CHECK(state.size() == 1);
}

TEST_CASE("a missing name tells the nearest ones") {
  const Variables variables{
      {"up1/weight", ones({1})}, {"up2/weight", ones({1})}, {"bias", ones({1})}};
  const std::string message = error_of([&] { variables.at("up1/wieght"); });
  CHECK(message.find("'up1/weight'") != std::string::npos);
  CHECK(message.find("'bias'") == std::string::npos);
  CHECK(nearest_names("zzzzzzzz", variables).empty());
}

TEST_CASE("patterns select whole names") {
  CHECK(matches("*", ""));
  CHECK(matches("exp_avg/*", "exp_avg/up1/weight"));
  CHECK_FALSE(matches("exp_avg/*", "exp_avg_sq/up1/weight"));
  CHECK(matches("*/weight", "a/b/weight"));
  CHECK(matches("up?/*t", "up1/weight"));
  CHECK_FALSE(matches("weight", "up1/weight"));
  CHECK(matches("a*b*c", "a__b_b__c"));
  CHECK_FALSE(matches("a*b*c", "a__b_b__"));
  CHECK_FALSE(matches(std::string(30, '*') + "x", std::string(1000, 'a')));
  const Variables variables{{"a/w", ones({1})}, {"b/w", ones({1})}, {"a/b", ones({1})}};
  CHECK(variables.select("a/*").size() == 2);
  CHECK(variables.select("*w")[1].name == "b/w");
  CHECK_THROWS_AS(variables.select("c*"), Error);
}

TEST_CASE("the table lists name, shape, dtype and bytes") {
  std::ostringstream out;
  out << Variables{{"up1/weight", ones({2, 3})}, {"step", zeros({}, DType::int64)}};
  CHECK(out.str() ==
        "name        shape       dtype   bytes\n"
        "up1/weight  [2, 3]      float32    24\n"
        "step        []          int64       8\n"
        "2 tensors   7 elements             32\n");
}
