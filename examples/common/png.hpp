#pragma once
#include <cstdint>
#include <filesystem>

#include "mnemo/io/fashion_mnist.hpp"

namespace examples {

/// Writes the pictures of `images`, float32 [count, 1, height, width] or [count, height, width] with
/// -1 for black and 1 for white, as a grid of `columns` columns, each pixel drawn `scale` times
/// `scale`. Values outside are clipped; NaN becomes black.
void write_png_grid(const std::filesystem::path& path, const mnemo::Tensor& images,
                    std::int64_t columns, std::int64_t scale = 2);

/// Writes up to 24 pictures of `set` for which `named`, int64 [count], is not the label, each over what
/// it is and, in orange, what it was taken for.
void write_mistakes(const std::filesystem::path& path, const mnemo::io::ImageSet& set,
                    const mnemo::Tensor& named);

}  // namespace examples
