#include "mnemo/io/detail/zip_writer.hpp"

#include <algorithm>

#include "mnemo/io/detail/bytes.hpp"

namespace mnemo::detail {
namespace {

constexpr std::uint64_t alignment = 64;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;
constexpr std::uint16_t utf8_names = 0x0800;
constexpr std::uint16_t unix_host = 3 << 8;
constexpr std::uint16_t zip64_version = 45;
constexpr std::uint16_t first_date = 1 << 5 | 1;  // 1980-01-01, the first that the format can hold
constexpr std::uint32_t regular_file = 0100644u << 16;
// The field that Apache Commons Compress and Android's tools write to align a member: the alignment
// (16 bits), then zeros.
constexpr std::uint16_t alignment_field = 0xA11E;

using std::uint16_t;
using std::uint32_t;
using std::uint64_t;

bool is_ascii(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

uint32_t narrow(uint64_t value) {
  return value < in_zip64 ? static_cast<uint32_t>(value) : in_zip64;
}

/// The part that the local and the central header share: from "version needed" to the extra field's
/// length.
void append_common(std::string& to, const ZipWriter::Member& member, uint64_t packed, bool zip64,
                   std::size_t extra_bytes) {
  append_number(to, uint16_t(zip64 ? zip64_version : 20));
  append_number(to, uint16_t(is_ascii(member.name) ? 0 : utf8_names));
  append_number(to, uint16_t(member.deflated ? 8 : 0));
  append_number(to, uint16_t(0));  // time: midnight
  append_number(to, first_date);
  append_number(to, member.crc);
  // Zip64's sizes come in a pair in local headers; so does the mark for them.
  const bool wide = member.size >= in_zip64 || packed >= in_zip64;
  append_number(to, wide ? in_zip64 : narrow(packed));
  append_number(to, wide ? in_zip64 : narrow(member.size));
  append_number(to, uint16_t(member.name.size()));
  append_number(to, uint16_t(extra_bytes));
}

/// Sizes, and for the central directory the place, where 32 bits are not enough.
std::string zip64_field(uint64_t size, uint64_t packed, const uint64_t* place) {
  std::string values;
  if (size >= in_zip64 || packed >= in_zip64) {
    append_number(values, size);
    append_number(values, packed);
  }
  if (place && *place >= in_zip64) append_number(values, *place);
  if (values.empty()) return values;
  std::string field;
  append_number(field, uint16_t(1));
  append_number(field, uint16_t(values.size()));
  return field + values;
}

}  // namespace

void ZipWriter::add(const Member& member, std::span<const std::span<const std::byte>> pieces) {
  uint64_t packed = 0;
  for (const auto& piece : pieces) packed += piece.size();
  const uint64_t place = file_.position();

  std::string extra = zip64_field(member.size, packed, nullptr);
  if (!member.deflated) {
    const uint64_t before = place + 30 + member.name.size() + extra.size() + 6;
    const uint64_t padding = (alignment - before % alignment) % alignment;
    append_number(extra, alignment_field);
    append_number(extra, uint16_t(2 + padding));
    append_number(extra, uint16_t(alignment));
    extra.append(padding, '\0');
  }
  std::string local;
  append_number(local, uint32_t(0x04034b50));
  append_common(local, member, packed, member.size >= in_zip64 || packed >= in_zip64, extra.size());
  local += member.name + extra;
  file_.append(local.data(), local.size());
  for (const auto& piece : pieces) file_.append(piece.data(), piece.size());

  const std::string wide = zip64_field(member.size, packed, &place);
  append_number(central_, uint32_t(0x02014b50));
  append_number(central_, uint16_t(unix_host | zip64_version));
  append_common(central_, member, packed, !wide.empty(), wide.size());
  append_number(central_, uint16_t(0));  // comment
  append_number(central_, uint16_t(0));  // disk
  append_number(central_, uint16_t(0));  // internal attributes
  append_number(central_, regular_file);
  append_number(central_, narrow(place));
  central_ += member.name + wide;
  ++count_;
}

void ZipWriter::finish(const std::string& comment) {
  const uint64_t place = file_.position();
  const uint64_t size = central_.size();
  file_.append(central_.data(), central_.size());
  std::string end;
  if (count_ >= 0xFFFF || size >= in_zip64 || place >= in_zip64) {
    append_number(end, uint32_t(0x06064b50));
    append_number(end, uint64_t(56 - 12));
    append_number(end, uint16_t(unix_host | zip64_version));
    append_number(end, zip64_version);
    append_number(end, uint32_t(0));
    append_number(end, uint32_t(0));
    append_number(end, count_);
    append_number(end, count_);
    append_number(end, size);
    append_number(end, place);
    append_number(end, uint32_t(0x07064b50));
    append_number(end, uint32_t(0));
    append_number(end, place + size);
    append_number(end, uint32_t(1));
  }
  append_number(end, uint32_t(0x06054b50));
  append_number(end, uint16_t(0));
  append_number(end, uint16_t(0));
  append_number(end, uint16_t(std::min<uint64_t>(count_, 0xFFFF)));
  append_number(end, uint16_t(std::min<uint64_t>(count_, 0xFFFF)));
  append_number(end, narrow(size));
  append_number(end, narrow(place));
  append_number(end, uint16_t(comment.size()));
  end += comment;
  file_.append(end.data(), end.size());
}

}  // namespace mnemo::detail
