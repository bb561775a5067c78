#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace mnemo::io {

/// What the pixels of a picture are turned into. Grey becomes three equal channels; colours become
/// their luma, 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).
enum class Channels { as_stored = 0, grey = 1, rgb = 3 };

/// The most bytes of pixels that `read_png` makes by default, those of 2896 x 2896 in three channels.
inline constexpr std::size_t png_default_limit = std::size_t{24} << 20;

/// Reads a picture in PNG of any kind: uint8 [channels, height, width]. Palettes are resolved, 1, 2
/// and 4 bits a pixel stretched to 0 to 255, 16 bits rounded to 8; transparency and gamma are left
/// out.
///
/// Throws Error that names the file if it cannot be read, is no PNG, is cut off or damaged (its
/// checksums are verified), or has more than `limit` bytes of pixels, which is known before memory
/// is asked for.
Tensor read_png(const std::filesystem::path& path, Channels channels = Channels::as_stored,
                std::size_t limit = png_default_limit);

/// Writes uint8 [height, width], [1, height, width] or [3, height, width] as a PNG. Atomic, as
/// `save` in checkpoint.hpp. Throws Error for another shape or dtype, or if the file cannot be
/// written.
void write_png(const std::filesystem::path& path, const Tensor& picture);

/// A data set of pictures in folders: `cat/1.png`, `cat/2.png`, `dog/1.png`. Each folder is a
/// class; classes and the files in them go by their sorted names. All pictures have the size of the
/// first one.
///
///     io::write_png("pictures/cat/1.png", zeros({3, 32, 32}, DType::uint8));
///     const io::ImageFolder pictures("pictures", io::Channels::rgb);
///     io::Batches in_memory({pictures.read_all(), pictures.labels()});
///
///     io::Batches rows({arange(pictures.size()), pictures.labels()});
///     io::Prefetch read_as_needed([&] {
///       std::vector<Tensor> batch = rows.next();
///       batch[0] = pictures.read(batch[0]);
///       return batch;
///     }, rows.variables());
class ImageFolder {
 public:
  /// Lists the files and reads the first one. Names that begin with '.' are passed over. Throws
  /// Error for anything else that is not such a folder: no class, a class without pictures, other
  /// files.
  explicit ImageFolder(const std::filesystem::path& path, Channels channels = Channels::as_stored);

  /// Names of the folders, sorted.
  const std::vector<std::string>& classes() const { return classes_; }
  /// The pictures, class by class.
  const std::vector<std::filesystem::path>& files() const { return files_; }
  /// The number of pictures.
  std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
  /// What each file shows, as a number into `classes()`: int64 [size].
  const Tensor& labels() const { return labels_; }
  /// [channels, height, width] of each picture.
  const Shape& shape() const { return shape_; }

  /// The pictures with these numbers, int64 [count]: uint8 [count, channels, height, width]. Throws
  /// Error for a number out of range, a file that cannot be read, or one of another size.
  Tensor read(const Tensor& numbers) const;
  /// All of them, in the order of files(), as `read` gives them.
  Tensor read_all() const;

 private:
  Channels channels_;
  std::vector<std::string> classes_;
  std::vector<std::filesystem::path> files_;
  Tensor labels_;
  Shape shape_;
};

}  // namespace mnemo::io
