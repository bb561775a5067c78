#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mnemo/io/detail/file.hpp"

namespace mnemo::detail {

/// Archives of more are neither written nor read: none shall ask for much time or memory.
inline constexpr std::uint64_t most_zip_members = 70000;

/// A member of a zip archive, as the central directory describes it.
struct ZipMember {
  std::string name;          ///< UTF-8
  std::uint64_t header = 0;  ///< where its local header begins
  std::uint64_t begin = 0;   ///< where its data begins
  std::uint64_t packed = 0;  ///< bytes of data in the file
  std::uint64_t size = 0;    ///< bytes when unpacked
  std::uint32_t crc = 0;     ///< CRC-32 of the unpacked bytes
  bool deflated = false;
};

// Our own code and not libzip's, which does not tell where a member's data lies, to map it and to read
// it on all threads, does not align what it writes, does not look for members that overlap, and takes
// three and a half times as much CPU time to read a checkpoint (275 ms for 400 MB, 79 here).

bool is_zip(std::uint32_t first_bytes);

/// Reads and checks an archive's directory (PKWARE's APPNOTE.TXT 6.3): one disk, zip64 or not, members
/// stored or deflated, none encrypted, none overlapping another or the directory. The central directory
/// alone is believed; of the local headers, which streams and newer NumPy leave without sizes, only the
/// name is compared. Errors begin with the file's name.
class ZipReader {
 public:
  /// Finds the directory of `file`, which outlives the reader. Throws Error where it has none.
  explicit ZipReader(const InputFile& file);

  std::size_t count() const { return count_; }
  const std::string& comment() const { return comment_; }

  /// The next member in the directory's order, folders left out. Throws Error where something is wrong
  /// with it. After the last there is none, and the members fit together, or Error is thrown.
  /// One at a time: there may be so many that a list of them would take much memory.
  std::optional<ZipMember> next();
  /// What follows a member's local header is likely to be there already.
  HeaderReader& local_headers() { return local_; }

 private:
  /// Where a member is, and where the directory tells of it.
  struct Place {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t entry;
  };

  template <class... Parts>
  [[noreturn]] void bad(const Parts&... parts) const;
  void find_directory();
  bool read_end64(std::uint64_t position, std::uint64_t& directory_end);
  ZipMember read_member();
  void read_local(std::string_view name, ZipMember& member);
  void read_zip64(const unsigned char* extra, std::size_t length, unsigned disk, ZipMember& member);
  void check_method(unsigned flags, unsigned method, ZipMember& member) const;
  void check_overlaps();
  std::string name_at(std::uint64_t entry);

  const InputFile& file_;
  HeaderReader central_;
  HeaderReader local_;
  std::uint64_t count_ = 0;
  std::uint64_t size_ = 0;    // of the directory
  std::uint64_t offset_ = 0;  // of it in the file
  std::string comment_;
  std::uint64_t at_ = 0;    // in the directory, as far as it is read
  std::uint64_t used_ = 0;  // bytes of the file that belong to members so far
  std::vector<Place> places_;
};

}  // namespace mnemo::detail
