#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace examples {

using Color = std::array<std::uint8_t, 3>;  ///< red, green, blue
constexpr Color orange{230, 120, 20};
constexpr Color blue{30, 100, 200};
constexpr Color black{40, 40, 40};

/// A picture to draw in: three bytes a pixel, row after row.
struct Canvas {
  Canvas(std::int64_t width, std::int64_t height, std::uint8_t grey);
  /// What is off the picture is left out.
  void paint(std::int64_t column, std::int64_t row, const Color& color);
  /// Letters (all drawn as capitals), digits and `.-/%():=` in a frame of 6x10 pixels each, the text's
  /// upper left corner at (column, row); other characters are left blank.
  void print(std::int64_t column, std::int64_t row, std::string_view text, const Color& color);
  /// Throws as mnemo::io::write_png.
  void write(const std::filesystem::path& path) const;

  std::int64_t width, height;
  std::vector<std::uint8_t> pixels;
};

constexpr std::int64_t text_height = 10;
/// How many pixels wide a text is.
constexpr std::int64_t text_width(std::string_view text) {
  return static_cast<std::int64_t>(text.size()) * 8 - 2;
}

}  // namespace examples
