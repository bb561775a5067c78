#include "mnemo/io/detail/zip_reader.hpp"

#include <algorithm>
#include <functional>
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

/// Where the central directory is.
struct End {
  std::uint64_t count = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::string comment;
};

class Reader {
 public:
  explicit Reader(const InputFile& file) : file_(file), central_(file), local_(file) {}

  ZipDirectory read() {
    const End end = find_end();
    directory_offset_ = at_ = end.offset;
    left_ = end.size;
    ZipDirectory directory;
    directory.comment = end.comment;
    directory.members.reserve(end.count);
    for (std::size_t i = 0; i < end.count; ++i) directory.members.push_back(read_member(i));
    if (left_ > 0) bad("the central directory is longer than its members");
    check_overlaps(directory.members);
    std::erase_if(directory.members, [&](const ZipMember& member) {
      const bool folder = member.name.ends_with('/');
      if (folder && member.size != 0) bad("the folder '", shown(member.name), "' has contents");
      return folder;
    });
    return directory;
  }

 private:
  template <class... Parts>
  [[noreturn]] void bad(const Parts&... parts) const {
    fail(file_.name(), ": damaged archive: ", parts...);
  }

  /// The end record is where a comment of the length that it states reaches the end of the file, but
  /// for zeros: who writes to a pipe or a tape fills up its last block.
  End find_end() const {
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
    End end{load16(found + 10), load32(found + 12), load32(found + 16), {}};
    end.comment.assign(reinterpret_cast<const char*>(found) + end_bytes, load16(found + 20));
    std::uint64_t directory_end = position;
    const bool zip64 = read_end64(position, end, directory_end);
    if (!zip64 && (load16(found + 4) != 0 || load16(found + 6) != 0 ||
                   load16(found + 8) != load16(found + 10))) {
      bad("it is one disk of several");
    }
    if (end.offset > directory_end || end.size != directory_end - end.offset) {
      bad("the central directory is not where the end record says");
    }
    if (end.count > end.size / central_bytes) {
      bad("the end record counts ", end.count, " members in a directory of ", end.size, " bytes");
    }
    if (end.count > most_zip_members) {
      fail(file_.name(), ": an archive of ", end.count, " members; at most ", most_zip_members,
           " can be read");
    }
    return end;
  }

  /// Takes what the zip64 end record says, if there is one before the end record at `position`.
  bool read_end64(std::uint64_t position, End& end, std::uint64_t& directory_end) const {
    const bool needed = end.count == 0xFFFF || end.size == in_zip64 || end.offset == in_zip64;
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
    const End wide{load64(bytes + 32), load64(bytes + 40), load64(bytes + 48), {}};
    if ((end.count != 0xFFFF && end.count != wide.count) ||
        (end.size != in_zip64 && end.size != wide.size) ||
        (end.offset != in_zip64 && end.offset != wide.offset)) {
      bad("its two end records contradict each other");
    }
    end.count = wide.count;
    end.size = wide.size;
    end.offset = wide.offset;
    directory_end = record;
    return true;
  }

  /// The next member of the directory, with what its local header says.
  ZipMember read_member(std::size_t index) {
    const auto need = [&](std::size_t count) {
      if (left_ < count) bad("the central directory ends within member ", index);
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
    left_ -= length;
    const std::string_view raw(reinterpret_cast<const char*>(entry) + central_bytes, name_bytes);

    ZipMember member;
    const unsigned flags = load16(entry + 8);
    member.name = flags & 0x0800 ? std::string(raw) : from_code_page_437(raw);
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
    const std::uint64_t room = directory_offset_ - used_;
    if (member.packed > room || local_bytes + name_bytes > room - member.packed) {
      bad("its members overlap; '", shown(member.name), "' has no room");
    }
    used_ += local_bytes + name_bytes + member.packed;
    if (member.header > directory_offset_ - local_bytes - name_bytes) {
      bad("'", shown(member.name), "' begins beyond the central directory");
    }
    read_local(raw, member);
    return member;
  }

  /// What the local header at the member's place says of where its data begins.
  void read_local(std::string_view name, ZipMember& member) {
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
    if (member.begin > directory_offset_ || member.packed > directory_offset_ - member.begin) {
      bad("'", shown(member.name), "' reaches into the central directory");
    }
  }

  void read_zip64(const unsigned char* extra, std::size_t length, unsigned disk,
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

  void check_method(unsigned flags, unsigned method, ZipMember& member) const {
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

  /// No two members share a byte or a name.
  void check_overlaps(const std::vector<ZipMember>& members) const {
    std::vector<const ZipMember*> by_place;
    std::vector<std::string_view> names;
    for (const ZipMember& member : members) {
      by_place.push_back(&member);
      names.push_back(member.name);
    }
    refuse_equal(names, text(file_.name(), ": damaged archive: it has two members"));
    std::sort(by_place.begin(), by_place.end(),
              [](const ZipMember* a, const ZipMember* b) { return a->header < b->header; });
    for (std::size_t i = 1; i < by_place.size(); ++i) {
      if (by_place[i]->header < by_place[i - 1]->begin + by_place[i - 1]->packed) {
        bad("its members '", shown(by_place[i - 1]->name), "' and '", shown(by_place[i]->name),
            "' overlap");
      }
    }
  }

  const InputFile& file_;
  HeaderReader central_;
  HeaderReader local_;
  std::uint64_t directory_offset_ = 0;
  std::uint64_t at_ = 0;    // in the directory, as far as it is read
  std::uint64_t left_ = 0;  // bytes of it
  std::uint64_t used_ = 0;  // bytes of the file that belong to members so far
};

}  // namespace

bool is_zip(std::uint32_t first_bytes) {
  return first_bytes == local_signature || first_bytes == end_signature ||
         first_bytes == end64_signature;
}

void refuse_equal(const std::vector<std::string_view>& names, const std::string& before) {
  std::vector<std::pair<std::size_t, std::string_view>> sorted;  // by hashes: faster than by names
  for (const std::string_view name : names) {
    sorted.emplace_back(std::hash<std::string_view>()(name), name);
  }
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) fail(before, " '", shown(twice->second), "'");
}

ZipDirectory read_zip_directory(const InputFile& file) { return Reader(file).read(); }

}  // namespace mnemo::detail
