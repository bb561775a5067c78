#include "common/plot.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>

#include "mnemo/core/shape_ops.hpp"
#include "mnemo/io/image.hpp"

namespace examples {

using mnemo::Tensor;

namespace {

// Around the frame; the numbers stand to the left of it and below.
constexpr std::int64_t margin_left = 44, margin_right = 12, margin_top = 8, margin_bottom = 24;
constexpr std::int64_t glyph_scale = 2;
constexpr std::int64_t glyph_step = 4 * glyph_scale;
constexpr Color black{40, 40, 40};

// Each character as five rows of three pixels, the top row in the highest bits.
int glyph(char c) {
  constexpr std::string_view known = "0123456789.-";
  constexpr std::array rows{075557, 026227, 071747, 071717, 055711, 074717,
                            074757, 071111, 075757, 075717, 000002, 000700};
  const std::size_t at = known.find(c);
  return at == std::string_view::npos ? 0 : rows[at];
}

// The largest of 1, 2 and 5 times a power of ten of which `range` holds at least four.
double tick_step(double range) {
  const double power = std::pow(10.0, std::floor(std::log10(range / 4.0)));
  const double times = range / 4.0 / power;
  return power * (times >= 5.0 ? 5.0 : times >= 2.0 ? 2.0 : 1.0);
}

// A multiple of `step`, with as many decimals as that needs.
std::string number(std::int64_t multiple, double step) {
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step))));
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text << std::fixed << std::setprecision(decimals) << static_cast<double>(multiple) * step;
  return text.str();
}

}  // namespace

Plot::Plot(double left, double right, double bottom, double top, std::int64_t width,
           std::int64_t height)
    : left_(left), right_(right), bottom_(bottom), top_(top), width_(width), height_(height) {
  if (!(left < right && bottom < top && width > 0 && height > 0)) {
    throw mnemo::Error("Plot: the range or the size is empty");
  }
  pixels_.assign(static_cast<std::size_t>((width + margin_left + margin_right) *
                                          (height + margin_top + margin_bottom) * 3),
                 255);
}

Tensor Plot::pixel_points() const {
  Tensor points = mnemo::empty({width_ * height_, 2});
  float* value = points.mutable_data<float>();
  for (std::int64_t row = 0; row < height_; ++row) {
    for (std::int64_t column = 0; column < width_; ++column) {
      const double across = (static_cast<double>(column) + 0.5) / static_cast<double>(width_);
      const double down = (static_cast<double>(row) + 0.5) / static_cast<double>(height_);
      *value++ = static_cast<float>(left_ + (right_ - left_) * across);
      *value++ = static_cast<float>(top_ - (top_ - bottom_) * down);
    }
  }
  return points;
}

void Plot::background(const Tensor& probability) {
  for (std::int64_t i = 0; const float p : probability.span<float>()) {
    const Color& color = p < 0.5f ? orange : blue;
    const float strength = std::abs(2.0f * p - 1.0f) * 0.6f;
    Color mixed;
    std::transform(color.begin(), color.end(), mixed.begin(), [&](std::uint8_t part) {
      return static_cast<std::uint8_t>(255.0f + strength * (static_cast<float>(part) - 255.0f));
    });
    paint(i % width_, i / width_, mixed);
    ++i;
  }
}

void Plot::dots(const Tensor& x, const Tensor& y, const Color& color) {
  const auto across = x.span<float>(), up = y.span<float>();
  for (std::size_t i = 0; i < across.size(); ++i) spot(across[i], up[i], 1, color);
}

void Plot::curve(const Tensor& x, const Tensor& y, const Color& color) {
  const auto across = x.span<float>(), up = y.span<float>();
  for (std::size_t i = 1; i < across.size(); ++i) {
    const std::int64_t parts = 2 * std::max(width_, height_);
    for (std::int64_t part = 0; part <= parts; ++part) {
      const auto t = static_cast<float>(part) / static_cast<float>(parts);
      spot(std::lerp(across[i - 1], across[i], t), std::lerp(up[i - 1], up[i], t), 1, color);
    }
  }
}

void Plot::write(const std::filesystem::path& path) {
  for (std::int64_t column = -1; column <= width_; ++column) {
    for (const std::int64_t row : {std::int64_t{-1}, height_}) paint(column, row, black);
  }
  for (std::int64_t row = -1; row <= height_; ++row) {
    for (const std::int64_t column : {std::int64_t{-1}, width_}) paint(column, row, black);
  }
  axis(false, left_, right_, width_);
  axis(true, bottom_, top_, height_);
  const std::int64_t all_rows = height_ + margin_top + margin_bottom;
  const std::int64_t all_columns = width_ + margin_left + margin_right;
  mnemo::io::write_png(path,
                       permute(mnemo::from_values(pixels_, {all_rows, all_columns, 3}), {2, 0, 1}));
}

// Column and row count from the frame's upper left corner; what is off the picture is left out.
void Plot::paint(std::int64_t column, std::int64_t row, const Color& color) {
  const std::int64_t all_columns = width_ + margin_left + margin_right;
  column += margin_left;
  row += margin_top;
  if (column < 0 || column >= all_columns || row < 0 ||
      row >= height_ + margin_top + margin_bottom) {
    return;
  }
  const auto at = static_cast<std::ptrdiff_t>(row * all_columns + column) * 3;
  std::copy(color.begin(), color.end(), pixels_.begin() + at);
}

// A square around a point, of which the frame hides what is outside.
void Plot::spot(double x, double y, std::int64_t radius, const Color& color) {
  const double across = (x - left_) / (right_ - left_), down = (top_ - y) / (top_ - bottom_);
  if (!(across >= 0.0 && across <= 1.0 && down >= 0.0 && down <= 1.0)) return;
  const auto column = static_cast<std::int64_t>(across * static_cast<double>(width_));
  const auto row = static_cast<std::int64_t>(down * static_cast<double>(height_));
  for (std::int64_t v = std::max<std::int64_t>(row - radius, 0);
       v <= std::min(row + radius, height_ - 1); ++v) {
    for (std::int64_t u = std::max<std::int64_t>(column - radius, 0);
         u <= std::min(column + radius, width_ - 1); ++u) {
      paint(u, v, color);
    }
  }
}

void Plot::print(std::int64_t column, std::int64_t row, const std::string& text) {
  for (const char c : text) {
    for (std::int64_t i = 0; i < 15 * glyph_scale * glyph_scale; ++i) {
      const std::int64_t u = i % (3 * glyph_scale), v = i / (3 * glyph_scale);
      const auto bit = 14 - (v / glyph_scale * 3 + u / glyph_scale);
      if ((glyph(c) >> bit & 1) != 0) paint(column + u, row + v, black);
    }
    column += glyph_step;
  }
}

void Plot::axis(bool vertical, double from, double to, std::int64_t length) {
  constexpr std::int64_t tick = 4;
  const double step = tick_step(to - from);
  for (auto i = static_cast<std::int64_t>(std::ceil(from / step));
       static_cast<double>(i) * step <= to + 1e-9 * step; ++i) {
    const double part = (static_cast<double>(i) * step - from) / (to - from);
    const auto at = static_cast<std::int64_t>(part * static_cast<double>(length));
    const std::string text = number(i, step);
    const auto wide = static_cast<std::int64_t>(text.size()) * glyph_step - glyph_scale;
    for (std::int64_t j = 1; j <= tick; ++j) {
      vertical ? paint(-1 - j, length - at, black) : paint(at, height_ + j, black);
    }
    vertical ? print(-tick - 4 - wide, length - at - 5, text)
             : print(at - wide / 2, height_ + tick + 4, text);
  }
}

}  // namespace examples
