#pragma once
#include <cstdint>
#include <filesystem>

#include "mnemo/core/tensor.hpp"

namespace examples {

/// Writes the pictures of `images`, float32 [count, 1, height, width] or [count, height, width] with
/// -1 for black and 1 for white, as a grid of `columns` columns, each pixel drawn `scale` times
/// `scale`. Values outside are clipped; NaN becomes black.
void write_png_grid(const std::filesystem::path& path, const mnemo::Tensor& images,
                    std::int64_t columns, std::int64_t scale = 2);

}  // namespace examples
