#include "common/png.hpp"

#include <png.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "mnemo/core/error.hpp"

namespace examples {
namespace {

using mnemo::Error;

/// The file's bytes, so that a full disk is noticed before anything gets the file's name.
std::vector<std::uint8_t> encode(const std::string& name, std::span<const std::uint8_t> pixels,
                                 std::int64_t width, std::int64_t height, int channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = bytes.size();
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr) == 0) {
    throw Error(name + ": libpng: " + image.message);
  }
  bytes.resize(size);
  return bytes;
}

std::uint8_t grey(float value) {
  if (!(value > -1.0f)) return 0;  // NaN too
  return static_cast<std::uint8_t>(std::lround(127.5f * (std::fmin(value, 1.0f) + 1.0f)));
}

}  // namespace

void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
               std::int64_t width, std::int64_t height, int channels) {
  if (width < 1 || height < 1 || (channels != 1 && channels != 3) ||
      static_cast<std::int64_t>(pixels.size()) != width * height * channels) {
    throw Error(path.string() + ": " + std::to_string(pixels.size()) + " bytes for a picture of " +
                std::to_string(width) + " x " + std::to_string(height) + " and " +
                std::to_string(channels) + " channels");
  }
  const std::vector<std::uint8_t> bytes = encode(path.string(), pixels, width, height, channels);
  std::filesystem::path unfinished = path;
  unfinished += ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(unfinished, path, error);
  if (!file || error) {
    std::error_code ignored;
    std::filesystem::remove(unfinished, ignored);
    throw Error(path.string() + ": cannot be written" + (error ? ": " + error.message() : ""));
  }
}

void write_png_grid(const std::filesystem::path& path, const mnemo::Tensor& images,
                    std::int64_t columns, std::int64_t scale) {
  const bool has_channel = images.rank() == 4 && images.size(1) == 1;
  if ((images.rank() != 3 && !has_channel) || images.elements() == 0 || columns < 1 || scale < 1) {
    throw Error(path.string() + ": no grid of pictures of shape " + to_string(images.shape()) +
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
  write_png(path, pixels, total_width, total_height, 1);
}

}  // namespace examples
