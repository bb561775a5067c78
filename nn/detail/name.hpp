#pragma once
#include <cstddef>

namespace mnemo::nn::detail {

/// A string literal as the argument of a template.
template <std::size_t size>
struct Name {
  consteval Name(const char (&literal)[size]) {  // NOLINT
    for (std::size_t i = 0; i < size; ++i) text[i] = literal[i];
  }
  char text[size] = {};
};

}  // namespace mnemo::nn::detail
