#include "mnemo/io/detail/zip_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/bytes.hpp"
#include "mnemo/io/detail/shown.hpp"

namespace mnemo::detail {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t end64_signature = 0x06064b50;
constexpr std::uint32_t locator_signature = 0x07064b50;
constexpr std::size_t local_bytes = 30;
constexpr std::size_t central_bytes = 46;
constexpr std::size_t end_bytes = 22;
constexpr std::size_t end64_bytes = 56;
constexpr std::size_t locator_bytes = 20;
constexpr std::size_t most_comment = 0xFFFF;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;  // "the value is in the zip64 record"
constexpr std::size_t most_name = 1030;         // "./", what Variables can hold, ".npy"

// IBM's code page 437 from 0x80 on: what names are in that are not flagged as UTF-8.
constexpr char16_t code_page_437[] =
    u"\u00c7\u00fc\u00e9\u00e2\u00e4\u00e0\u00e5\u00e7\u00ea\u00eb\u00e8\u00ef\u00ee\u00ec\u00c4"
    u"\u00c5"
    u"\u00c9\u00e6\u00c6\u00f4\u00f6\u00f2\u00fb\u00f9\u00ff\u00d6\u00dc\u00a2\u00a3\u00a5\u20a7"
    u"\u0192"
    u"\u00e1\u00ed\u00f3\u00fa\u00f1\u00d1\u00aa\u00ba\u00bf\u2310\u00ac\u00bd\u00bc\u00a1\u00ab"
    u"\u00bb"
    u"\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555\u2563\u2551\u2557\u255d\u255c\u255b"
    u"\u2510"
    u"\u2514\u2534\u252c\u251c\u2500\u253c\u255e\u255f\u255a\u2554\u2569\u2566\u2560\u2550\u256c"
    u"\u2567"
    u"\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256b\u256a\u2518\u250c\u2588\u2584\u258c\u2590"
    u"\u2580"
    u"\u03b1\u00df\u0393\u03c0\u03a3\u03c3\u00b5\u03c4\u03a6\u0398\u03a9\u03b4\u221e\u03c6\u03b5"
    u"\u2229"
    u"\u2261\u00b1\u2265\u2264\u2320\u2321\u00f7\u2248\u00b0\u2219\u00b7\u221a\u207f\u00b2\u25a0"
    u"\u00a0";

std::string from_code_page_437(std::string_view name) {
  if (std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; })) {
    return std::string(name);
  }
  std::string utf8;
  utf8.reserve(name.size());
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const unsigned code = byte < 0x80 ? byte : code_page_437[byte - 0x80];
    if (code < 0x80) {
      utf8 += c;
    } else if (code < 0x800) {
      utf8 += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
    } else {
      utf8 += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
               static_cast<char>(0x80 | (code & 0x3F))};
    }
  }
  return utf8;
}

std::string_view method_name(unsigned method) {
  switch (method) {
    case 1: return "shrink";
    case 6: return "implode";
    case 9: return "deflate64";
    case 12: return "bzip2";
    case 14: return "LZMA";
    case 93: return "Zstandard";
    case 95: return "xz";
    case 98: return "PPMd";
    case 99: return "AES encryption";
    default: return "an unknown method";
  }
}

/// The name in a central header, of which as many bytes are there.
std::string_view raw_name(const unsigned char* entry) {
  return {reinterpret_cast<const char*>(entry) + central_bytes, load16(entry + 28)};
}

std::string utf8_name(const unsigned char* entry) {
  const std::string_view raw = raw_name(entry);
  return load16(entry + 8) & 0x0800 ? std::string(raw) : from_code_page_437(raw);
}

}  // namespace

bool is_zip(std::uint32_t first_bytes) {
  return first_bytes == local_signature || first_bytes == end_signature ||
         first_bytes == end64_signature;
}

template <class... Parts>
void ZipReader::bad(const Parts&... parts) const {
  fail(file_.name(), ": damaged archive: ", parts...);
}

ZipReader::ZipReader(const InputFile& file) : file_(file), central_(file), local_(file) {
  find_directory();
  at_ = offset_;
  places_.reserve(count_);
}

std::optional<ZipMember> ZipReader::next() {
  while (places_.size() < count_) {
    ZipMember member = read_member();
    if (!member.name.ends_with('/')) return member;
    if (member.size != 0) bad("the folder '", shown(member.name), "' has contents");
  }
  if (at_ != offset_ + size_) bad("the central directory is longer than its members");
  check_overlaps();
  return std::nullopt;
}

/// The end record is where a comment of the length that it states reaches the end of the file, but
/// for zeros: who writes to a pipe or a tape fills up its last block.
void ZipReader::find_directory() {
  if (file_.size() < end_bytes) bad("too short for a zip file");
  const std::size_t length = std::min<std::uint64_t>(file_.size(), end_bytes + most_comment);
  std::vector<unsigned char> tail(length);
  const std::uint64_t tail_offset = file_.size() - length;
  file_.read_at(tail_offset, tail.data(), length);
  std::size_t zeros = 0;
  while (zeros < length && tail[length - 1 - zeros] == 0) ++zeros;
  const unsigned char* found = nullptr;
  for (std::size_t back = end_bytes; back <= length; ++back) {
    const unsigned char* const at = tail.data() + length - back;
    if (load32(at) != end_signature) continue;
    const std::size_t whole = end_bytes + load16(at + 20);
    if (whole > back || back - whole > zeros) continue;
    if (found) bad("it has two end records, one in the comment of the other");
    found = at;
  }
  if (!found) bad("no end record; it is truncated, or no zip file");

  const std::uint64_t position = tail_offset + static_cast<std::uint64_t>(found - tail.data());
  count_ = load16(found + 10);
  size_ = load32(found + 12);
  offset_ = load32(found + 16);
  comment_.assign(reinterpret_cast<const char*>(found) + end_bytes, load16(found + 20));
  std::uint64_t directory_end = position;
  const bool zip64 = read_end64(position, directory_end);
  if (!zip64 && (load16(found + 4) != 0 || load16(found + 6) != 0 ||
                 load16(found + 8) != load16(found + 10))) {
    bad("it is one disk of several");
  }
  if (offset_ > directory_end || size_ != directory_end - offset_) {
    bad("the central directory is not where the end record says");
  }
  if (count_ > size_ / central_bytes) {
    bad("the end record counts ", count_, " members in a directory of ", size_, " bytes");
  }
  if (count_ > most_zip_members) {
    fail(file_.name(), ": an archive of ", count_, " members; at most ", most_zip_members,
         " can be read");
  }
}

/// Takes what the zip64 end record says, if there is one before the end record at `position`.
bool ZipReader::read_end64(std::uint64_t position, std::uint64_t& directory_end) {
  const bool needed = count_ == 0xFFFF || size_ == in_zip64 || offset_ == in_zip64;
  unsigned char locator[locator_bytes];
  if (position < locator_bytes + end64_bytes) return false;
  file_.read_at(position - locator_bytes, locator, locator_bytes);
  if (load32(locator) != locator_signature) return false;

  const std::uint64_t record = load64(locator + 8);
  unsigned char bytes[end64_bytes];
  // Without one of these fields full, only a proper record makes it more than bytes of a comment.
  const bool inside = record <= position - locator_bytes - end64_bytes;
  if (inside) file_.read_at(record, bytes, end64_bytes);
  const bool proper = inside && load32(bytes) == end64_signature &&
                      load64(bytes + 4) == position - locator_bytes - record - 12;
  if (!proper) {
    if (!needed) return false;
    bad("the zip64 end record is not where its locator says");
  }
  if (load32(locator + 4) != 0 || load32(locator + 16) > 1 || load32(bytes + 16) != 0 ||
      load32(bytes + 20) != 0 || load64(bytes + 24) != load64(bytes + 32)) {
    bad("it is one disk of several");
  }
  const std::uint64_t count = load64(bytes + 32);
  const std::uint64_t size = load64(bytes + 40);
  const std::uint64_t offset = load64(bytes + 48);
  if ((count_ != 0xFFFF && count_ != count) || (size_ != in_zip64 && size_ != size) ||
      (offset_ != in_zip64 && offset_ != offset)) {
    bad("its two end records contradict each other");
  }
  count_ = count;
  size_ = size;
  offset_ = offset;
  directory_end = record;
  return true;
}

/// The next member of the directory, with what its local header says.
ZipMember ZipReader::read_member() {
  const std::size_t index = places_.size();
  const std::uint64_t entry_at = at_;
  const auto need = [&](std::size_t count) {
    if (offset_ + size_ - at_ < count) bad("the central directory ends within member ", index);
  };
  need(central_bytes);
  const unsigned char* entry = central_.read(at_, central_bytes, 0).data();
  if (load32(entry) != central_signature) bad("no central header for member ", index);
  const std::size_t name_bytes = load16(entry + 28);
  const std::size_t extra_bytes = load16(entry + 30);
  const std::size_t length = central_bytes + name_bytes + extra_bytes + load16(entry + 32);
  need(length);
  entry = central_.read(at_, length, 0).data();
  at_ += length;
  const std::string_view raw = raw_name(entry);

  ZipMember member;
  const unsigned flags = load16(entry + 8);
  member.name = utf8_name(entry);
  member.crc = load32(entry + 16);
  member.packed = load32(entry + 20);
  member.size = load32(entry + 24);
  member.header = load32(entry + 42);
  read_zip64(entry + central_bytes + name_bytes, extra_bytes, load16(entry + 34), member);
  constexpr unsigned newest = 63;  // of the format, 6.3: what needs a later one may mean anything
  if (entry[6] > newest) {
    fail(file_.name(), ": '", shown(member.name), "' needs version ", entry[6] / 10, ".",
         entry[6] % 10, " of the zip format; at most 6.3 can be read");
  }
  check_method(flags, load16(entry + 10), member);
  // Each byte before the directory belongs to one member at most. This also bounds how many there
  // can be, and what they unpack to.
  const std::uint64_t room = offset_ - used_;
  if (member.packed > room || local_bytes + name_bytes > room - member.packed) {
    bad("its members overlap; '", shown(member.name), "' has no room");
  }
  used_ += local_bytes + name_bytes + member.packed;
  if (member.header > offset_ - local_bytes - name_bytes) {
    bad("'", shown(member.name), "' begins beyond the central directory");
  }
  read_local(raw, member);
  places_.push_back({member.header, member.begin + member.packed, entry_at});
  return member;
}

/// What the local header at the member's place says of where its data begins.
void ZipReader::read_local(std::string_view name, ZipMember& member) {
  const unsigned char* const local =
      local_.read(member.header, local_bytes + name.size(), member.packed).data();
  if (load32(local) != local_signature) bad("no local header for '", shown(member.name), "'");
  if (load16(local + 26) != name.size() ||
      !std::equal(name.begin(), name.end(), reinterpret_cast<const char*>(local) + local_bytes)) {
    bad("the local header of '", shown(member.name), "' has another name");
  }
  if (load16(local + 6) & 0x2041) {
    fail(file_.name(), ": '", shown(member.name), "' is encrypted");
  }
  member.begin = member.header + local_bytes + name.size() + load16(local + 28);
  if (member.begin > offset_ || member.packed > offset_ - member.begin) {
    bad("'", shown(member.name), "' reaches into the central directory");
  }
}

void ZipReader::read_zip64(const unsigned char* extra, std::size_t length, unsigned disk,
                           ZipMember& member) {
  bool found = false;
  const unsigned char* const end = extra + length;
  while (end - extra >= 4) {
    const unsigned id = load16(extra);
    const std::size_t field = load16(extra + 2);
    extra += 4;
    if (field > static_cast<std::size_t>(end - extra)) {
      bad("'", shown(member.name), "' has an extra field beyond its header");
    }
    if (id == 1 && !found) {
      found = true;
      std::size_t used = 0;
      for (std::uint64_t* const value : {&member.size, &member.packed, &member.header}) {
        if (*value != in_zip64) continue;
        if (used + 8 > field) bad("'", shown(member.name), "' lacks a size in its zip64 field");
        *value = load64(extra + used);
        used += 8;
      }
      if (disk == 0xFFFF && used + 4 <= field) disk = load32(extra + used);
    }
    extra += field;
  }
  if (disk != 0) bad("'", shown(member.name), "' is on another disk");
}

void ZipReader::check_method(unsigned flags, unsigned method, ZipMember& member) const {
  const auto refuse = [&](const auto&... parts) {
    fail(file_.name(), ": '", shown(member.name), "'", parts...);
  };
  if (flags & 0x2041) refuse(" is encrypted");
  if (flags & 0x0020) refuse(" is a patch");
  if (method != 0 && method != 8) {
    refuse(" is compressed by ", method_name(method), " (method ", method,
           "); only stored and deflated members can be read");
  }
  member.deflated = method == 8;
  if (!member.deflated && member.packed != member.size) {
    bad("'", shown(member.name), "' is stored, but its two sizes differ");
  }
  if (member.name.find('\0') != std::string::npos)
    bad("'", shown(member.name), "' has a zero byte in its name");
  if (member.name.size() > most_name) {
    fail(file_.name(), ": the name '", shown(member.name), "' is longer than ", most_name,
         " bytes");
  }
}

/// No two members share a byte.
void ZipReader::check_overlaps() {
  const auto before = [](const Place& a, const Place& b) { return a.begin < b.begin; };
  if (!std::is_sorted(places_.begin(), places_.end(), before)) {
    std::sort(places_.begin(), places_.end(), before);
  }
  for (std::size_t i = 1; i < places_.size(); ++i) {
    if (places_[i].begin >= places_[i - 1].end) continue;
    const std::string first = name_at(places_[i - 1].entry);
    const std::string second = name_at(places_[i].entry);
    bad("its members '", shown(first), "' and '", shown(second), "' overlap");
  }
}

/// The name of the member of which the directory tells there.
std::string ZipReader::name_at(std::uint64_t entry) {
  const std::size_t bytes = load16(central_.read(entry, central_bytes, 0).data() + 28);
  const unsigned char* const whole = central_.read(entry, central_bytes + bytes, 0).data();
  return utf8_name(whole);
}

}  // namespace mnemo::detail
