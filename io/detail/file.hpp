#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mnemo::detail {

/// A regular file, opened to be read at any place. Every error names it.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }
  /// Exactly `count` bytes from `offset`. Throws Error where the file has fewer. Any thread may call it.
  void read_at(std::uint64_t offset, void* target, std::size_t count) const;
  /// The same for the header of `bytes` that are read later. Where they are many it stays out of the
  /// system's cache, if that can be: lone pages there would have the rest read page by page.
  void read_header(std::uint64_t offset, void* target, std::size_t count,
                   std::uint64_t bytes) const;

 private:
  std::string name_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// A folder, open from before it is changed, so that a lack of descriptors or rights shows in time.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& path);
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  /// Which names it has is on the disk afterwards. Throws Error, which ends in `what_stands`.
  void flush(std::string_view what_stands = "") const;

 private:
  std::string name_;
  int descriptor_;
};

/// A new file that takes the place of `target` at once and for good when it is complete: written
/// beside it, flushed to the disk, renamed. Destroyed before `commit`, it leaves nothing behind.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Room on the disk for a file of at least this many bytes. Throws Error where there is not so much.
  void reserve(std::uint64_t bytes);
  void append(const void* data, std::size_t count);
  /// Where the next byte goes.
  std::uint64_t position() const { return position_; }
  void commit();

 private:
  void flush();
  void write_out(const char* data, std::size_t count);
  void start_flushing();

  std::string name_;  // for messages: the target as the caller wrote it
  std::filesystem::path target_;
  Folder folder_;  // that it is in
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t flushing_ = 0;
  std::vector<char> buffer_;
};

/// A new folder that takes the place of `target` when it is complete, likewise. Files are put into
/// `path()` with `write_file`.
class AtomicFolder {
 public:
  explicit AtomicFolder(const std::filesystem::path& target);
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder();

  /// A file of these pieces, and the folders it needs. Throws Error if it is there already.
  void write_file(const std::filesystem::path& relative,
                  std::span<const std::span<const std::byte>> pieces);
  void commit();

 private:
  std::string name_;
  std::filesystem::path target_;
  Folder folder_;  // that it is in
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Creates what is missing of `folder`, so that it survives a power cut.
void make_folders(const std::filesystem::path& folder);

}  // namespace mnemo::detail
