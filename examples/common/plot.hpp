#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/canvas.hpp"
#include "mnemo/core/tensor.hpp"

namespace examples {

struct Axis {
  double from, to;
  std::string label;  ///< what is counted on it, and in what; see Canvas::print for the characters
};

/// A picture of a part of the plane: a background, points and curves, in a frame with numbered ticks,
/// labels of both axes, and above it the names of what is drawn, in its color.
class Plot {
 public:
  static constexpr std::int64_t width = 480, height = 320;  ///< of the frame, in pixels

  /// Throws mnemo::Error for an empty range.
  Plot(const Axis& across, const Axis& up);

  /// The middle of each pixel inside the frame, row after row from the top, float32 [pixels, 2].
  mnemo::Tensor pixel_points() const;
  /// Paints each of these: 0 becomes orange, 1 blue, and what is near 0.5 white.
  void background(const mnemo::Tensor& probability);
  /// A dot at each (x[i], y[i]); float32 tensors of as many elements, in any shape.
  void dots(const mnemo::Tensor& x, const mnemo::Tensor& y, const Color& color,
            std::string_view name = "");
  /// The same points joined by straight lines.
  void curve(const mnemo::Tensor& x, const mnemo::Tensor& y, const Color& color,
             std::string_view name = "");

  /// Draws frame, ticks, numbers and labels, and writes the picture. Throws as mnemo::io::write_png.
  void write(const std::filesystem::path& path);

 private:
  void paint(std::int64_t column, std::int64_t row, const Color& color);
  void spot(double x, double y, std::int64_t radius, const Color& color);
  void name(std::string_view text, const Color& color);
  void draw(const Axis& axis, bool vertical);

  Axis across_, up_;
  Canvas canvas_;
  std::int64_t named_ = 0;  // pixels that the names take up
};

}  // namespace examples
