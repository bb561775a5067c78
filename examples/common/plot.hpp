#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace examples {

using Color = std::array<std::uint8_t, 3>;  ///< red, green, blue
constexpr Color orange{230, 120, 20};
constexpr Color blue{30, 100, 200};

/// A picture of a part of the plane: a background, points and curves, in a frame with numbered ticks.
class Plot {
 public:
  /// What the frame holds, and its size in pixels. Throws mnemo::Error for an empty range.
  Plot(double left, double right, double bottom, double top, std::int64_t width = 480,
       std::int64_t height = 320);

  /// The middle of each pixel inside the frame, row after row from the top, float32 [pixels, 2].
  mnemo::Tensor pixel_points() const;
  /// Paints each of these: 0 becomes orange, 1 blue, and what is near 0.5 white.
  void background(const mnemo::Tensor& probability);
  /// A dot at each (x[i], y[i]); float32 tensors of as many elements, in any shape.
  void dots(const mnemo::Tensor& x, const mnemo::Tensor& y, const Color& color);
  /// The same points joined by straight lines.
  void curve(const mnemo::Tensor& x, const mnemo::Tensor& y, const Color& color);

  /// Draws frame, ticks and numbers, and writes the picture. Throws as write_png.
  void write(const std::filesystem::path& path);

 private:
  void paint(std::int64_t column, std::int64_t row, const Color& color);
  void spot(double x, double y, std::int64_t radius, const Color& color);
  void print(std::int64_t column, std::int64_t row, const std::string& text);
  void axis(bool vertical, double from, double to, std::int64_t length);

  double left_, right_, bottom_, top_;
  std::int64_t width_, height_;  // of the frame
  std::vector<std::uint8_t> pixels_;
};

}  // namespace examples
