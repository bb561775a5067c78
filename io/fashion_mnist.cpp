#include "mnemo/io/fashion_mnist.hpp"

#include <string>
#include <system_error>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/idx.hpp"

namespace mnemo::io {
namespace {

using detail::fail;

/// `folder/name`, or with `.gz` where there is no plain file.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name) {
  std::error_code ignored;
  const std::filesystem::path plain = folder / name;
  if (std::filesystem::exists(plain, ignored)) return plain;
  const std::filesystem::path compressed = folder / (name + ".gz");
  if (std::filesystem::exists(compressed, ignored)) return compressed;
  fail(plain.string(), "[.gz]: no such file; Fashion-MNIST is in the Debian package ",
       "dataset-fashion-mnist (sudo apt-get install dataset-fashion-mnist), which puts it in ",
       fashion_mnist_folder);
}

Tensor read_labels(const std::filesystem::path& path) {
  const Tensor bytes = read_idx(path);
  if (bytes.rank() != 1 || bytes.dtype() != DType::uint8) {
    fail(path.string(), ": labels of ", bytes.dtype(), " ", bytes.shape(),
         ", expected uint8 [count]");
  }
  const Tensor labels(bytes.shape(), DType::int64);
  std::int64_t* target = labels.mutable_data<std::int64_t>();
  for (const std::uint8_t label : bytes.span<std::uint8_t>()) {
    if (label >= fashion_mnist_classes.size()) {
      fail(path.string(), ": label ", int{label}, ", expected 0 to 9");
    }
    *target++ = label;
  }
  return labels;
}

}  // namespace

ImageSet read_fashion_mnist(const std::filesystem::path& folder, Split split) {
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const std::filesystem::path images_path = find_file(folder, prefix + "-images-idx3-ubyte");
  const std::filesystem::path labels_path = find_file(folder, prefix + "-labels-idx1-ubyte");
  const Tensor labels = read_labels(labels_path);
  const Tensor images = read_idx(images_path);
  if (images.dtype() != DType::uint8 || images.rank() != 3 || images.size(1) != 28 ||
      images.size(2) != 28 || images.size(0) < 1) {
    fail(images_path.string(), ": images of ", images.dtype(), " ", images.shape(),
         ", expected uint8 [count, 28, 28] and at least one");
  }
  if (images.size(0) != labels.size(0)) {
    fail(labels_path.string(), ": ", labels.size(0), " labels for ", images.size(0), " images in ",
         images_path.filename().string());
  }
  return {images, labels};
}

}  // namespace mnemo::io
