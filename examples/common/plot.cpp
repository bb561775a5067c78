#include "common/plot.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

#include "mnemo/core/error.hpp"

namespace examples {

using mnemo::Tensor;

namespace {

// Around the frame: numbers to the left of it and below, then the horizontal axis' label; above it the
// vertical one's and the names of what is drawn.
constexpr std::int64_t margin_left = 44, margin_right = 12, margin_top = 22, margin_bottom = 38;

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

Plot::Plot(const Axis& across, const Axis& up)
    : across_(across),
      up_(up),
      canvas_(width + margin_left + margin_right, height + margin_top + margin_bottom, 255) {
  if (!(across.from < across.to && up.from < up.to)) {
    throw mnemo::Error("Plot: an axis' range is empty");
  }
}

Tensor Plot::pixel_points() const {
  Tensor points = mnemo::empty({width * height, 2});
  float* value = points.mutable_data<float>();
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      const double across = (static_cast<double>(column) + 0.5) / static_cast<double>(width);
      const double down = (static_cast<double>(row) + 0.5) / static_cast<double>(height);
      *value++ = static_cast<float>(std::lerp(across_.from, across_.to, across));
      *value++ = static_cast<float>(std::lerp(up_.to, up_.from, down));
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
    paint(i % width, i / width, mixed);
    ++i;
  }
}

void Plot::dots(const Tensor& x, const Tensor& y, const Color& color, std::string_view text) {
  name(text, color);
  const auto across = x.span<float>(), up = y.span<float>();
  for (std::size_t i = 0; i < across.size(); ++i) spot(across[i], up[i], 1, color);
}

void Plot::curve(const Tensor& x, const Tensor& y, const Color& color, std::string_view text) {
  name(text, color);
  const auto across = x.span<float>(), up = y.span<float>();
  for (std::size_t i = 1; i < across.size(); ++i) {
    const std::int64_t parts = 2 * std::max(width, height);
    for (std::int64_t part = 0; part <= parts; ++part) {
      const auto t = static_cast<float>(part) / static_cast<float>(parts);
      spot(std::lerp(across[i - 1], across[i], t), std::lerp(up[i - 1], up[i], t), 1, color);
    }
  }
}

void Plot::write(const std::filesystem::path& path) {
  for (std::int64_t column = -1; column <= width; ++column) {
    for (const std::int64_t row : {std::int64_t{-1}, height}) paint(column, row, black);
  }
  for (std::int64_t row = -1; row <= height; ++row) {
    for (const std::int64_t column : {std::int64_t{-1}, width}) paint(column, row, black);
  }
  draw(across_, false);
  draw(up_, true);
  canvas_.write(path);
}

// Column and row count from the frame's upper left corner.
void Plot::paint(std::int64_t column, std::int64_t row, const Color& color) {
  canvas_.paint(column + margin_left, row + margin_top, color);
}

// From the right, so that what came first stands rightmost, above the frame.
void Plot::name(std::string_view text, const Color& color) {
  if (text.empty()) return;
  named_ += text_width(text) + (named_ > 0 ? 16 : 0);
  canvas_.print(margin_left + width - named_, 6, text, color);
}

// A square around a point, of which the frame hides what is outside.
void Plot::spot(double x, double y, std::int64_t radius, const Color& color) {
  const double across = (x - across_.from) / (across_.to - across_.from),
               down = (up_.to - y) / (up_.to - up_.from);
  if (!(across >= 0.0 && across <= 1.0 && down >= 0.0 && down <= 1.0)) return;
  const auto column = static_cast<std::int64_t>(across * static_cast<double>(width));
  const auto row = static_cast<std::int64_t>(down * static_cast<double>(height));
  for (std::int64_t v = std::max<std::int64_t>(row - radius, 0);
       v <= std::min(row + radius, height - 1); ++v) {
    for (std::int64_t u = std::max<std::int64_t>(column - radius, 0);
         u <= std::min(column + radius, width - 1); ++u) {
      paint(u, v, color);
    }
  }
}

void Plot::draw(const Axis& axis, bool vertical) {
  constexpr std::int64_t tick = 4;
  const std::int64_t length = vertical ? height : width;
  const double step = tick_step(axis.to - axis.from);
  for (auto i = static_cast<std::int64_t>(std::ceil(axis.from / step));
       static_cast<double>(i) * step <= axis.to + 1e-9 * step; ++i) {
    const double part = (static_cast<double>(i) * step - axis.from) / (axis.to - axis.from);
    const auto at = static_cast<std::int64_t>(part * static_cast<double>(length));
    const std::string text = number(i, step);
    const std::int64_t wide = text_width(text);
    for (std::int64_t j = 1; j <= tick; ++j) {
      vertical ? paint(-1 - j, length - at, black) : paint(at, height + j, black);
    }
    vertical
        ? canvas_.print(margin_left - tick - 4 - wide, margin_top + length - at - text_height / 2,
                        text, black)
        : canvas_.print(margin_left + at - wide / 2, margin_top + height + tick + 4, text, black);
  }
  vertical ? canvas_.print(2, 6, axis.label, black)
           : canvas_.print(margin_left + (width - text_width(axis.label)) / 2,
                           canvas_.height - text_height - 2, axis.label, black);
}

}  // namespace examples
