#pragma once
#include <cstdint>
#include <filesystem>
#include <span>

#include "mnemo/core/tensor.hpp"

namespace examples {

/// Writes 8-bit pixels, row after row, `channels` 1 (grey) or 3 (red, green, blue). The file appears
/// whole or not at all. Throws mnemo::Error naming the file if it cannot be written.
void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
               std::int64_t width, std::int64_t height, int channels);

/// Writes the pictures of `images`, float32 [count, 1, height, width] or [count, height, width] with
/// -1 for black and 1 for white, as a grid of `columns` columns, each pixel drawn `scale` times
/// `scale`. Values outside are clipped; NaN becomes black.
void write_png_grid(const std::filesystem::path& path, const mnemo::Tensor& images,
                    std::int64_t columns, std::int64_t scale = 2);

}  // namespace examples
