#include "mnemo/io/image.hpp"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <span>
#include <system_error>

#include "mnemo/core/creation.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/core/shape_ops.hpp"
#include "mnemo/io/checkpoint.hpp"
#include "mnemo/io/detail/file.hpp"

namespace mnemo::io {
namespace {

using detail::fail;

/// What may stand in a file beside the pixels: texts, colour profiles.
constexpr std::uint64_t most_other_bytes = std::uint64_t{16} << 20;
/// Deflate turns at most 258 bytes into two bits.
constexpr std::uint64_t most_expansion = 1032;

/// A file that libpng reads from front to back. libpng tells errors by longjmp, so between `setjmp`
/// and the end of a function that calls it nothing is made that has a destructor, and no exception
/// passes.
class PngFile {
 public:
  explicit PngFile(const std::filesystem::path& path) : file_(path) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      fail(file_.name(), ": libpng could not start");
    }
  }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }

  const std::string& name() const { return file_.name(); }

  /// [height, width, 1 or 3] of 8 bits.
  Shape read_header() {
    if (!call_header()) refuse();
    return {static_cast<std::int64_t>(png_get_image_height(png_, info_)),
            static_cast<std::int64_t>(png_get_image_width(png_, info_)),
            static_cast<std::int64_t>(png_get_channels(png_, info_))};
  }

  /// Throws Error where the file's size alone contradicts its header.
  void check_size(const Shape& shape) const {
    if (raw_bytes_ / most_expansion > file_.size()) {
      fail(name(), ": ", file_.size(), " bytes cannot hold ", shape[1], " x ", shape[0], " pixels");
    }
    if (file_.size() > raw_bytes_ + raw_bytes_ / 1000 + most_other_bytes) {
      fail(name(), ": ", file_.size(), " bytes are too many for ", shape[1], " x ", shape[0],
           " pixels");
    }
  }

  void read_pixels(std::span<png_bytep> rows) {
    if (!call_pixels(rows.data())) refuse();
  }

 private:
  bool call_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;  // NOLINT: libpng's way
    png_set_read_fn(png_, this, read_bytes);
    png_set_user_limits(png_, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(png_, 1 << 20);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    raw_bytes_ = std::uint64_t{png_get_rowbytes(png_, info_)} * png_get_image_height(png_, info_);
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool call_pixels(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;  // NOLINT
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  [[noreturn]] void refuse() const { fail(file_.name(), ": ", message_); }

  static void on_error(png_structp png, png_const_charp message) {
    auto& self = *static_cast<PngFile*>(png_get_error_ptr(png));
    std::strncpy(self.message_, message, sizeof self.message_ - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

  static void read_bytes(png_structp png, png_bytep target, std::size_t count) {
    auto& self = *static_cast<PngFile*>(png_get_io_ptr(png));
    if (!self.read(target, count)) png_error(png, "the file ends early or cannot be read");
  }
  bool read(png_bytep target, std::size_t count) {
    if (count > file_.size() - at_) return false;
    try {
      file_.read_at(at_, target, count);
    } catch (const Error&) {
      return false;
    }
    at_ += count;
    return true;
  }

  detail::InputFile file_;
  std::uint64_t at_ = 0;
  std::uint64_t raw_bytes_ = 0;  // of the pixels as they are stored, unpacked
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  char message_[128] = {};
};

/// Pixels [height * width, have] to planes [want, height * width].
void spread(const std::uint8_t* pixels, std::int64_t count, std::int64_t have, std::int64_t want,
            std::uint8_t* planes) {
  for (std::int64_t i = 0; i < count; ++i, pixels += have) {
    if (have == want || have == 1) {
      for (std::int64_t c = 0; c < want; ++c) planes[c * count + i] = pixels[have == 1 ? 0 : c];
    } else {
      // In 16 bits after the point, the parts add up to 1: white stays 255.
      planes[i] = static_cast<std::uint8_t>(
          (19595 * pixels[0] + 38470 * pixels[1] + 7471 * pixels[2] + 32768) >> 16);
    }
  }
}

/// Reads a picture to where `place` says that its planes [channels, height, width] go.
template <class Place>
void read_picture(const std::filesystem::path& path, Channels channels, std::size_t limit,
                  const Place& place) {
  PngFile file(path);
  const Shape shape = file.read_header();
  const std::int64_t height = shape[0];
  const std::int64_t width = shape[1];
  const std::int64_t have = shape[2];
  const std::int64_t want =
      channels == Channels::as_stored ? have : static_cast<std::int64_t>(channels);
  if (static_cast<std::uint64_t>(height * width * std::max(have, want)) > limit) {
    fail(file.name(), ": ", width, " x ", height, " pixels of ", std::max(have, want),
         " bytes, more than the limit of ", limit, " bytes");
  }
  file.check_size(shape);
  std::uint8_t* const planes = place({want, height, width});
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(height * width * have));
  std::vector<png_bytep> rows;
  for (std::int64_t row = 0; row < height; ++row) {
    rows.push_back(pixels.data() + row * width * have);
  }
  file.read_pixels(rows);
  spread(pixels.data(), height * width, have, want, planes);
}

/// What is in a folder, by name; without hidden files.
std::vector<std::filesystem::path> listed(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.')) found.push_back(entry->path());
  }
  if (error) fail(folder.string(), ": ", error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Tensor read_png(const std::filesystem::path& path, Channels channels, std::size_t limit) {
  Tensor picture;
  read_picture(path, channels, limit, [&](const Shape& shape) {
    picture = Tensor(shape, DType::uint8);
    return picture.mutable_data<std::uint8_t>();
  });
  return picture;
}

void write_png(const std::filesystem::path& path, const Tensor& picture) {
  const bool planar = picture.rank() == 3 && (picture.size(0) == 1 || picture.size(0) == 3);
  if (picture.dtype() != DType::uint8 || (picture.rank() != 2 && !planar) ||
      picture.elements() == 0) {
    fail(path.string(), ": no picture of ", picture.dtype(), " ", picture.shape(),
         ", expected uint8 [height, width], [1, height, width] or [3, height, width]");
  }
  const std::int64_t channels = planar ? picture.size(0) : 1;
  const Tensor pixels = planar ? permute(picture, {1, 2, 0}) : picture;
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.size(-1));
  image.height = static_cast<png_uint_32>(picture.size(-2));
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = bytes.size();
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.raw(), 0, nullptr) == 0) {
    fail(path.string(), ": libpng: ", static_cast<const char*>(image.message));
  }
  detail::AtomicFile file(path, SaveOptions{}.durable);
  file.append(bytes.data(), size);
  file.commit();
}

ImageFolder::ImageFolder(const std::filesystem::path& path, Channels channels)
    : channels_(channels) {
  std::vector<std::int64_t> labels;
  for (const std::filesystem::path& folder : listed(path)) {
    if (!std::filesystem::is_directory(folder)) {
      fail(folder.string(), ": a file beside the folders of the classes");
    }
    const std::vector<std::filesystem::path> files = listed(folder);
    if (files.empty()) fail(folder.string(), ": a class without pictures");
    for (const std::filesystem::path& file : files) {
      std::string ending = file.extension().string();
      for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (ending != ".png") fail(file.string(), ": no .png file; only such are read");
      labels.push_back(static_cast<std::int64_t>(classes_.size()));
      files_.push_back(file);
    }
    classes_.push_back(folder.filename().string());
  }
  if (files_.empty()) fail(path.string(), ": no folders of pictures, one for each class");
  labels_ = from_values(labels, {size()});
  const Tensor first = read_png(files_[0], channels_);
  shape_ = first.shape();
  channels_ = static_cast<Channels>(shape_[0]);
}

Tensor ImageFolder::read(const Tensor& numbers) const {
  if (numbers.dtype() != DType::int64 || numbers.rank() != 1) {
    fail("ImageFolder: read: numbers are ", numbers.dtype(), " ", numbers.shape(),
         ", expected int64 [count]");
  }
  const auto chosen = numbers.span<std::int64_t>();
  for (const std::int64_t number : chosen) {
    if (number < 0 || number >= size()) {
      fail("ImageFolder: read: number ", number, " of ", size(), " pictures");
    }
  }
  Tensor pictures({numbers.size(0), shape_[0], shape_[1], shape_[2]}, DType::uint8);
  std::uint8_t* const target = pictures.mutable_data<std::uint8_t>();
  constexpr std::int64_t grain = 16;
  detail::parallel_range(numbers.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto& file = files_[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])];
      read_picture(file, channels_, png_default_limit, [&](const Shape& shape) {
        if (shape != shape_) {
          fail(file.string(), ": ", shape[2], " x ", shape[1], " pixels, expected ", shape_[2],
               " x ", shape_[1], " as ", files_[0].string());
        }
        return target + i * shape_.elements();
      });
    }
  });
  return pictures;
}

Tensor ImageFolder::read_all() const { return read(arange(size())); }

}  // namespace mnemo::io
