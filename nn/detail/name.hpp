#pragma once
#include <algorithm>
#include <cstddef>

namespace mnemo::nn::detail {

/// A string literal as the argument of a template.
template <std::size_t size>
struct Name {
  consteval Name(const char (&literal)[size]) { std::copy_n(literal, size, text); }  // NOLINT
  char text[size] = {};
};

}  // namespace mnemo::nn::detail
