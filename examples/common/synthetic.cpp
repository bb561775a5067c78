#include "common/synthetic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "mnemo/core/rng.hpp"

namespace examples {
namespace {

using namespace mnemo;

constexpr std::int64_t side = 28;
constexpr std::int64_t kinds = 10;
constexpr std::uint64_t data_seed = 28;  // not the run's: a data set is the same for every run

float box(float x, float y, float half_width, float half_height) {
  return std::max(std::abs(x) - half_width, std::abs(y) - half_height);
}

float disc(float x, float y, float radius) { return std::sqrt(x * x + y * y) - radius; }

/// The distance from (x, y) to the edge of a shape of radius r about the origin, negative inside (near
/// the edge, where it matters, exact enough for a soft edge of one pixel).
template <std::int64_t kind>
float distance(float x, float y, float r) {
  switch (kind) {
    case 0: return disc(x, y, r);
    case 1: return std::abs(disc(x, y, 0.8f * r)) - 0.2f * r;
    case 2: return box(x, y, 0.8f * r, 0.8f * r);
    case 3: return std::abs(box(x, y, 0.7f * r, 0.7f * r)) - 0.18f * r;
    case 4: return std::max(0.866f * std::abs(x) - 0.5f * y, y) - 0.5f * r;
    case 5: return std::min(box(x, y, r, 0.3f * r), box(x, y, 0.3f * r, r));
    case 6: return box(x, y, r, 0.28f * r);
    case 7: return std::max(disc(x, y, r), y);
    case 8: return std::min(disc(x - 0.6f * r, y, 0.4f * r), disc(x + 0.6f * r, y, 0.4f * r));
    default: return 0.8f * std::abs(x) + 0.5f * std::abs(y) - 0.6f * r;
  }
}

/// `values`: place (2), radius, angle, brightness; each in [0, 1). A function for each kind, so that the
/// compiler sees loops without a choice in them and takes several pixels at a time.
template <std::int64_t kind>
void draw(const float* values, std::uint8_t* pixels) {
  const float radius = 6.0f + 5.0f * values[2];
  const float free = 0.5f * static_cast<float>(side) - 1.0f - radius;
  const float center_x = 0.5f * static_cast<float>(side) + (2.0f * values[0] - 1.0f) * free;
  const float center_y = 0.5f * static_cast<float>(side) + (2.0f * values[1] - 1.0f) * free;
  const float cosine = std::cos(6.2831853f * values[3]);
  const float sine = std::sin(6.2831853f * values[3]);
  const float brightness = 150.0f + 105.0f * values[4];
  for (int row = 0; row < side; ++row, pixels += side) {
    const float dy = static_cast<float>(row) + 0.5f - center_y;
    for (int column = 0; column < side; ++column) {
      const float dx = static_cast<float>(column) + 0.5f - center_x;
      const float edge = distance<kind>(cosine * dx + sine * dy, cosine * dy - sine * dx, radius);
      const float cover = std::clamp(0.5f - edge, 0.0f, 1.0f);
      const float shade = brightness * cover + 0.5f;  // positive: cutting it off rounds to nearest
      pixels[column] = static_cast<std::uint8_t>(static_cast<int>(shade));
    }
  }
}

using Draw = void (*)(const float* values, std::uint8_t* pixels);
template <std::int64_t... kind>
constexpr std::array<Draw, kinds> one_for_each(std::integer_sequence<std::int64_t, kind...>) {
  return {draw<kind>...};
}

}  // namespace

io::ImageSet synthetic_shapes(std::int64_t count) {
  Rng rng(data_seed);
  const Tensor values = rng.uniform({count, 5});
  io::ImageSet set{empty({count, side, side}, DType::uint8), rng.integers({count}, 0, kinds)};
  std::uint8_t* pixels = set.images.mutable_data<std::uint8_t>();
  const float* value = values.data<float>();
  constexpr auto draw = one_for_each(std::make_integer_sequence<std::int64_t, kinds>());
  for (const std::int64_t kind : set.labels.span<std::int64_t>()) {
    draw[static_cast<std::size_t>(kind)](value, pixels);
    value += 5;
    pixels += side * side;
  }
  return set;
}

}  // namespace examples
