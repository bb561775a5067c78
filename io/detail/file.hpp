#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mnemo::detail {

/// Owns what the system gives for an open file, or nothing: -1.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

/// A regular file, opened to be read at any place. Every error names it.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return size_; }
  int descriptor() const { return descriptor_.number(); }
  /// Exactly `count` bytes from `offset`. Throws Error where the file has fewer. Any thread may call it.
  void read_at(std::uint64_t offset, void* target, std::size_t count) const;

 private:
  std::string name_;
  Descriptor descriptor_;
  std::uint64_t size_ = 0;
};

/// Reads what is small of a file and follows each other closely, with few calls of the system.
class HeaderReader {
 public:
  explicit HeaderReader(const InputFile& file) : file_(file) {}
  /// `count` bytes from `offset`, good until the next call; the header of `bytes` that are read later.
  /// Where they are many it stays out of the system's cache: lone pages there would have the rest
  /// read page by page. One reader for all headers of an array: a second one, of the same page, would
  /// find it there still, and it would stay.
  std::span<const unsigned char> read(std::uint64_t offset, std::size_t count, std::uint64_t bytes);

 private:
  const InputFile& file_;
  std::vector<unsigned char> buffer_;
  std::uint64_t begin_ = 0;  // of the buffer in the file
};

/// A folder, open from before it is changed, so that a lack of descriptors or rights shows in time.
class Folder {
 public:
  explicit Folder(const std::filesystem::path& path);

  /// Which names it has is on the disk afterwards. Throws Error, which ends in `what_stands`.
  void flush(std::string_view what_stands = "") const;

 private:
  std::string name_;
  Descriptor descriptor_;
};

/// A new file that takes the place of `target` at once and for good when it is complete: written
/// beside it, flushed to the disk if it shall be `durable`, renamed. Destroyed before `commit`, it
/// leaves nothing behind.
class AtomicFile {
 public:
  AtomicFile(const std::filesystem::path& target, bool durable);
  ~AtomicFile();

  /// Room on the disk for a file of at least this many bytes. Throws Error where there is not so much.
  void reserve(std::uint64_t bytes);
  void append(const void* data, std::size_t count);
  /// Where the next byte goes.
  std::uint64_t position() const { return position_; }
  void commit();

 private:
  void write_out(const char* data, std::size_t count);
  void start_flushing();

  std::string name_;  // for messages: the target as the caller wrote it
  bool durable_;
  std::filesystem::path target_;
  Folder folder_;  // that it is in
  std::filesystem::path temporary_;
  Descriptor descriptor_;
  std::uint64_t position_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t flushing_ = 0;
  std::vector<char> buffer_;
};

/// A new folder that takes the place of `target` when it is complete, likewise. Files are put into
/// `path()` with `write_file`.
class AtomicFolder {
 public:
  AtomicFolder(const std::filesystem::path& target, bool durable);
  ~AtomicFolder();

  /// A file of these pieces, and the folders it needs. Throws Error if it is there already.
  void write_file(const std::filesystem::path& relative,
                  std::span<const std::span<const std::byte>> pieces);
  void commit();

 private:
  std::string name_;
  bool durable_;
  std::filesystem::path target_;
  Folder folder_;  // that it is in
  std::filesystem::path temporary_;
  Descriptor descriptor_;
};

/// Creates what is missing of `folder`, so that it survives a power cut.
void make_folders(const std::filesystem::path& folder);

}  // namespace mnemo::detail
