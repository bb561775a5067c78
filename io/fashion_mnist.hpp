#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "mnemo/core/tensor.hpp"

namespace mnemo::io {

/// Grey pictures and what each of them shows.
struct ImageSet {
  Tensor images;  ///< uint8 [count, 28, 28]; 0 is the background
  Tensor labels;  ///< int64 [count], 0 to 9
};

/// Which of the two parts of a data set: the larger to learn from, the other to be tested with.
enum class Split { train, test };

/// Where the Debian package dataset-fashion-mnist puts its files.
inline constexpr std::string_view fashion_mnist_folder = "/usr/share/datasets/fashion-mnist";

/// What the labels 0 to 9 of Fashion-MNIST mean.
inline constexpr std::array<std::string_view, 10> fashion_mnist_classes = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};

/// Reads one split of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), or of any other data set of
/// the MNIST family, from `folder`: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or
/// those with `t10k` for `Split::test`, plain or with `.gz`. As published it has 60000 and 10000
/// pictures; any other count of at least one is accepted, the same for both files.
///
/// Throws Error if a file is missing (and says what to install), damaged, or not of these shapes.
ImageSet read_fashion_mnist(const std::filesystem::path& folder = fashion_mnist_folder,
                            Split split = Split::train);

}  // namespace mnemo::io
