#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace mnemo::detail {

/// Some elements of one tensor among several.
struct Piece {
  std::size_t tensor;
  std::int64_t begin, end;
};

/// Cuts several tensors into pieces that can be worked on at once, in order: enough elements to
/// make up for handing a piece out, few enough to spread over threads. The borders depend on sizes
/// alone.
inline std::vector<Piece> pieces_of(const std::vector<std::int64_t>& elements) {
  constexpr std::int64_t most = 16384;
  std::vector<Piece> pieces;
  for (std::size_t tensor = 0; tensor < elements.size(); ++tensor) {
    for (std::int64_t begin = 0; begin < elements[tensor]; begin += most) {
      pieces.push_back({tensor, begin, std::min(begin + most, elements[tensor])});
    }
  }
  return pieces;
}

}  // namespace mnemo::detail
