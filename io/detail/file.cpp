#include "mnemo/io/detail/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "mnemo/core/detail/text.hpp"

namespace mnemo::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = 256 * 1024;
constexpr std::size_t piece_bytes = 8 << 20;  // the disk starts on one while the next is copied
constexpr std::string_view temporary_prefix = ".mnemo-";
constexpr std::string_view temporary_suffix = ".tmp";

/// What the system says, and what to do where it is a matter of room or rights.
std::string reason(int error) {
  const bool room = error == ENOSPC || error == EDQUOT;
  const bool rights = error == EACCES || error == EPERM || error == EROFS;
  return std::generic_category().message(error) +
         (room     ? "; make room there, or use another place"
          : rights ? "; get the right to it, or use another place"
                   : "");
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// A name in `folder` that no other process and no other thread of this one is given.
fs::path new_name(const fs::path& folder) {
  static std::atomic<std::uint64_t> count{0};
  return folder / text(temporary_prefix, ::getpid(), "-", count.fetch_add(1), temporary_suffix);
}

bool is_temporary(const std::string& name) {
  return name.size() > temporary_prefix.size() + temporary_suffix.size() &&
         name.starts_with(temporary_prefix) && name.ends_with(temporary_suffix);
}

/// Takes the lock that says "somebody is writing this". Who removes what is left behind holds it too,
/// so a name that is gone by now was taken for such: false, and another one must be made.
bool lock_new(const Descriptor& descriptor) {
  while (::flock(descriptor.number(), LOCK_EX) != 0) {
    if (errno != EINTR) break;  // a file system without locks: nobody removes anything there
  }
  struct stat status {};
  return ::fstat(descriptor.number(), &status) == 0 && status.st_nlink > 0;
}

/// Removes the temporary files and folders of processes that are gone: their locks are free.
void remove_left_behind(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_temporary(entry->path().filename().string())) continue;
    const Descriptor left(
        ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    const bool free = ::flock(left.number(), LOCK_EX | LOCK_NB) == 0 &&
                      ::fstat(left.number(), &status) == 0 && status.st_nlink > 0;
    std::error_code ignored;  // it stays for the next time
    if (free && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
      fs::remove_all(entry->path(), ignored);
    }
  }
}

/// A symbolic link is followed, so that what it leads to is replaced and not the link.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path real = fs::canonical(path, error);
  if (error) fail(path.string(), ": a symbolic link that leads nowhere");
  return real;
}

fs::path without_slash(const fs::path& path) {
  const fs::path folder = path.lexically_normal();
  return folder.has_filename() ? folder : folder.parent_path();
}

/// A folder is replaced whole. So that nothing is lost that is no checkpoint, it may hold only .npy
/// files and folders of such.
void check_replaceable(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(folder, error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status)) fail(name, ": is there already, and no folder");
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const bool array = entry.is_regular_file() && entry.path().extension() == ".npy";
    if (entry.is_symlink() || !(array || entry.is_directory())) {
      fail(name, ": holds ", entry.path().lexically_relative(folder).string(),
           ", which is no part of a checkpoint; the folder is not replaced");
    }
  }
}

/// Together, since the system keeps what one call writes in large pages, which are quicker to read.
void write_all(const Descriptor& descriptor, std::span<iovec> pieces, const std::string& name) {
  for (;;) {
    while (!pieces.empty() && pieces.front().iov_len == 0) pieces = pieces.subspan(1);
    if (pieces.empty()) return;
    const ssize_t done =
        ::writev(descriptor.number(), pieces.data(), static_cast<int>(pieces.size()));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(name, ": cannot be written: ", reason(errno));
    if (done == 0) fail(name, ": cannot be written: the disk takes no more");
    auto written = static_cast<std::size_t>(done);
    for (iovec& piece : pieces) {
      const std::size_t part = std::min(written, piece.iov_len);
      piece.iov_base = static_cast<std::byte*>(piece.iov_base) + part;
      piece.iov_len -= part;
      written -= part;
    }
  }
}

iovec piece_of(const void* data, std::size_t count) { return {const_cast<void*>(data), count}; }

void flush_to_disk(const Descriptor& descriptor, const std::string& name) {
  while (::fsync(descriptor.number()) != 0) {
    if (errno != EINTR) fail(name, ": cannot be flushed to the disk: ", reason(errno));
  }
}

/// The folder to write into: there, and rid of what others left behind.
const fs::path& prepared(const fs::path& folder) {
  make_folders(folder);
  remove_left_behind(folder);
  return folder;
}

/// A rename cannot be taken back for sure, so what is left is to tell how things stand.
constexpr std::string_view stands =
    "; what was saved is in place and whole, but a power cut may bring back what it replaced";

}  // namespace

Descriptor::~Descriptor() {
  if (open()) ::close(number_);
}

// Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
InputFile::InputFile(const fs::path& path)
    : name_(path.string()), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (!descriptor_.open()) fail(name_, ": ", reason(errno));
  struct stat status {};
  if (::fstat(descriptor(), &status) != 0 || !S_ISREG(status.st_mode)) {
    fail(name_, ": not a regular file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read_at(std::uint64_t offset, void* target, std::size_t count) const {
  if (offset > size_ || count > size_ - offset) fail(name_, ": ends early; it is truncated");
  auto* to = static_cast<char*>(target);
  while (count > 0) {
    const ssize_t done = ::pread(descriptor(), to, count, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(name_, ": cannot be read: ", reason(errno));
    if (done == 0) fail(name_, ": became shorter while it was read");
    to += done;
    offset += static_cast<std::uint64_t>(done);
    count -= static_cast<std::size_t>(done);
  }
}

std::span<const unsigned char> HeaderReader::read(std::uint64_t offset, std::size_t count,
                                                  std::uint64_t bytes) {
  constexpr std::uint64_t few = 4096;
  constexpr std::uint64_t many = 1 << 20;
  constexpr std::uint64_t usual = 512;  // both headers of a member
  constexpr int dont_cache = 0x80;  // RWF_DONTCACHE, of Linux 6.14; C libraries do not have it yet
  const std::uint64_t skipped = offset - begin_;
  if (offset >= begin_ && skipped <= buffer_.size() && count <= buffer_.size() - skipped) {
    return {buffer_.data() + skipped, count};
  }
  const std::uint64_t rest = file_.size() - std::min(offset, file_.size());
  // Where little follows, the next header is near.
  const std::uint64_t wanted = std::min(bytes < few ? few : usual, rest);
  buffer_.resize(std::max<std::uint64_t>(count, wanted));
  begin_ = offset;
  const iovec whole{buffer_.data(), buffer_.size()};
  if (bytes < many || ::preadv2(file_.descriptor(), &whole, 1, static_cast<off_t>(offset),
                                dont_cache) != static_cast<ssize_t>(buffer_.size())) {
    file_.read_at(offset, buffer_.data(), buffer_.size());
  }
  return {buffer_.data(), count};
}

AtomicFile::AtomicFile(const fs::path& target, bool durable)
    : name_(target.string()),
      durable_(durable),
      target_(resolved(target)),
      folder_(prepared(folder_of(target_))) {
  std::error_code error;
  const fs::file_status status = fs::status(target_, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) fail(name_, ": not a regular file");
  const fs::path folder = folder_of(target_);
  for (;;) {
    temporary_ = new_name(folder);
    descriptor_ =
        Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!descriptor_.open() && (errno == EEXIST || errno == EINTR)) continue;
    if (!descriptor_.open()) fail(name_, ": cannot be written: ", reason(errno));
    if (lock_new(descriptor_)) break;
    descriptor_ = Descriptor();
  }
  buffer_.reserve(buffer_bytes);
}

AtomicFile::~AtomicFile() {
  if (descriptor_.open()) ::unlink(temporary_.c_str());
}

void AtomicFile::reserve(std::uint64_t bytes) {
  constexpr std::uint64_t worth_it = 1 << 20;
  if (bytes < worth_it) return;
  const int status =
      ::fallocate(descriptor_.number(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  if (status != 0 && errno == ENOSPC) fail(name_, ": cannot be written: ", reason(ENOSPC));
}

void AtomicFile::append(const void* data, std::size_t count) {
  const auto* bytes = static_cast<const char*>(data);
  position_ += count;
  if (buffer_.size() + count > buffer_bytes) {
    write_out(bytes, count);
  } else {
    buffer_.insert(buffer_.end(), bytes, bytes + count);
  }
}

/// What waits in the buffer, and these bytes behind it.
void AtomicFile::write_out(const char* data, std::size_t count) {
  do {
    const std::size_t part = std::min(count, piece_bytes);
    std::array pieces{piece_of(buffer_.data(), buffer_.size()), piece_of(data, part)};
    write_all(descriptor_, pieces, name_);
    written_ += buffer_.size() + part;
    buffer_.clear();
    start_flushing();
    data += part;
    count -= part;
  } while (count > 0);
}

/// Has the disk begin with what is complete. Not with the last page: the next write to it would wait
/// until it is on the disk. Advice only; what the disk refuses shows at the final flush.
void AtomicFile::start_flushing() {
  const std::uint64_t complete = written_ - written_ % piece_bytes;
  if (!durable_ || complete == flushing_) return;
  ::sync_file_range(descriptor_.number(), static_cast<off_t>(flushing_),
                    static_cast<off_t>(complete - flushing_), SYNC_FILE_RANGE_WRITE);
  flushing_ = complete;
}

void AtomicFile::commit() {
  write_out(nullptr, 0);
  if (durable_) flush_to_disk(descriptor_, name_);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    fail(name_, ": cannot be replaced: ", reason(errno));
  }
  descriptor_ = Descriptor();
  if (durable_) folder_.flush(stands);
}

AtomicFolder::AtomicFolder(const fs::path& target, bool durable)
    : name_(target.string()),
      durable_(durable),
      target_(resolved(without_slash(target))),
      folder_(prepared(folder_of(target_))) {
  remove_left_behind(target_);
  check_replaceable(target_, name_);
  const fs::path folder = folder_of(target_);
  for (;;) {
    temporary_ = new_name(folder);
    if (::mkdir(temporary_.c_str(), 0777) != 0) {
      if (errno == EEXIST || errno == EINTR) continue;
      fail(name_, ": cannot be created: ", reason(errno));
    }
    descriptor_ = Descriptor(::open(temporary_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor_.open() && lock_new(descriptor_)) break;
    if (!descriptor_.open() && errno != ENOENT) {
      const int problem = errno;
      ::rmdir(temporary_.c_str());
      fail(name_, ": cannot be created: ", reason(problem));
    }
    descriptor_ = Descriptor();
  }
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (descriptor_.open()) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::write_file(const fs::path& relative,
                              std::span<const std::span<const std::byte>> pieces) {
  const fs::path path = temporary_ / relative;
  const std::string name = (fs::path(name_) / relative).string();
  make_folders(path.parent_path());
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.open()) fail(name, ": cannot be written: ", reason(errno));
  std::vector<iovec> parts;
  for (const auto& piece : pieces) parts.push_back(piece_of(piece.data(), piece.size()));
  write_all(file, parts, name);
  if (durable_) flush_to_disk(file, name);
}

void AtomicFolder::commit() {
  std::error_code error;
  const auto flush_folder = [&](const Folder& folder, std::string_view what_stands = "") {
    if (durable_) folder.flush(what_stands);
  };
  for (fs::recursive_directory_iterator entry(temporary_), end; entry != end; ++entry) {
    if (entry->is_directory()) flush_folder(Folder(entry->path()));
  }
  flush_folder(Folder(temporary_));
  if (!fs::exists(target_, error)) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
      fail(name_, ": cannot be created: ", reason(errno));
    }
    descriptor_ = Descriptor();
    return flush_folder(folder_, stands);
  }
  // Checked once more: something may have been put there meanwhile, and what is there is removed.
  check_replaceable(target_, name_);
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
    fail(name_, ": cannot be replaced: ", reason(errno));
  }
  flush_folder(folder_, stands);
  // The destructor removes the older folder, which has the temporary name now.
}

Folder::Folder(const fs::path& path)
    : name_(path.string()), descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // One that may be written but not read cannot be flushed.
  if (!descriptor_.open() && errno != EACCES) fail(name_, ": ", reason(errno));
}

void Folder::flush(std::string_view what_stands) const {
  while (descriptor_.open() && ::fsync(descriptor_.number()) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) return;  // a file system that cannot, and need not
    if (errno == EINTR) continue;
    fail(name_, ": cannot be flushed to the disk: ", reason(errno), what_stands);
  }
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return;
  const fs::path parent = folder_of(folder);
  if (parent != folder) make_folders(parent);
  const Folder above(parent);
  if (::mkdir(folder.c_str(), 0777) != 0) {
    const int problem = errno;
    if (problem == EEXIST && fs::is_directory(folder, error)) return;
    fail(folder.string(), ": cannot be created: ", reason(problem));
  }
  above.flush();
}

}  // namespace mnemo::detail
