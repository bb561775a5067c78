#include "common/png.hpp"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "common/canvas.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/image.hpp"

namespace examples {
namespace {

std::uint8_t grey(float value) {
  if (!(value > -1.0f)) return 0;  // NaN too
  return static_cast<std::uint8_t>(std::lround(127.5f * (std::fmin(value, 1.0f) + 1.0f)));
}

}  // namespace

void write_png_grid(const std::filesystem::path& path, const mnemo::Tensor& images,
                    std::int64_t columns, std::int64_t scale) {
  const bool has_channel = images.rank() == 4 && images.size(1) == 1;
  if ((images.rank() != 3 && !has_channel) || images.elements() == 0 || columns < 1 || scale < 1) {
    throw mnemo::Error(path.string() + ": no grid of pictures of shape " +
                       to_string(images.shape()) +
                       ", expected [count, height, width] or [count, 1, height, width]");
  }
  const std::int64_t count = images.size(0);
  const std::int64_t height = images.size(-2);
  const std::int64_t width = images.size(-1);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t gap = scale;
  const std::int64_t total_width = columns * (width * scale + gap) + gap;
  const std::int64_t total_height = rows * (height * scale + gap) + gap;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(total_width * total_height), 64);
  const float* value = images.data<float>();
  for (std::int64_t index = 0; index < count; ++index) {
    const std::int64_t left = index % columns * (width * scale + gap) + gap;
    const std::int64_t top = index / columns * (height * scale + gap) + gap;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const std::uint8_t level = grey(*value++);
        for (std::int64_t line = 0; line < scale; ++line) {
          const std::int64_t at = (top + y * scale + line) * total_width + left + x * scale;
          std::memset(&pixels[static_cast<std::size_t>(at)], level,
                      static_cast<std::size_t>(scale));
        }
      }
    }
  }
  mnemo::io::write_png(path, mnemo::from_values(pixels, {total_height, total_width}));
}

void write_mistakes(const std::filesystem::path& path, const mnemo::io::ImageSet& set,
                    const mnemo::Tensor& named) {
  constexpr std::int64_t rows = 4, columns = 6, scale = 3, gap = 10, line = text_height + 3;
  const std::int64_t height = set.images.size(1), width = set.images.size(2);
  const std::int64_t across = width * scale + gap, down = height * scale + 2 * line + gap;
  Canvas canvas(columns * across + gap, rows * down + gap, 255);
  const auto name = [](std::int64_t label) {
    return mnemo::io::fashion_mnist_classes[static_cast<std::size_t>(label)];
  };
  std::int64_t drawn = 0;
  for (std::int64_t i = 0; i < named.size(0) && drawn < rows * columns; ++i) {
    const std::int64_t is = set.labels.data<std::int64_t>()[i];
    const std::int64_t taken_for = named.data<std::int64_t>()[i];
    if (is == taken_for) continue;
    const std::int64_t left = drawn % columns * across + gap, top = drawn / columns * down + gap;
    const std::uint8_t* const picture = set.images.data<std::uint8_t>() + i * height * width;
    for (std::int64_t y = 0; y < height * scale; ++y) {
      for (std::int64_t x = 0; x < width * scale; ++x) {
        const std::uint8_t level = picture[y / scale * width + x / scale];
        canvas.paint(left + x, top + y, {level, level, level});
      }
    }
    canvas.print(left, top + height * scale + 4, name(is), black);
    canvas.print(left, top + height * scale + 4 + line, name(taken_for), orange);
    ++drawn;
  }
  canvas.write(path);
}

}  // namespace examples
