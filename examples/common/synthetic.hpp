#pragma once
#include <cstdint>

#include "mnemo/io/fashion_mnist.hpp"

namespace examples {

/// A data set that needs no files: one filled, anti-aliased shape on each 28x28 picture, ten kinds of
/// them (disc, ring, square, frame, triangle, plus, bar, half disc, two discs, diamond), random in
/// place, size, angle and brightness. The same for every caller, and few, so that they are drawn in
/// milliseconds. Shapes and dtypes as those of
/// `io::read_fashion_mnist`.
mnemo::io::ImageSet synthetic_shapes(std::int64_t count = 1500);

}  // namespace examples
