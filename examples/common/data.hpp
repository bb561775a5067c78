#pragma once
#include <cstdint>
#include <string>

#include "mnemo/io/fashion_mnist.hpp"

namespace examples {

/// The training pictures of the data set in folder `data`, or the generated one if it is "synthetic".
/// Throws mnemo::Error that says what to install, or to ask for the synthetic one, where it is missing.
mnemo::io::ImageSet load_images(const std::string& data);

/// A number that tells data sets apart: it follows from the tensor's shape, dtype and every byte.
std::uint64_t fingerprint(const mnemo::Tensor& tensor);

}  // namespace examples
