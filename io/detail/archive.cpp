#include "mnemo/io/detail/archive.hpp"

#include <zlib.h>

#include <array>
#include <atomic>
#include <thread>

#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/shown.hpp"
#include "mnemo/io/detail/zip_writer.hpp"

namespace mnemo::detail {
namespace {

using Bytes = std::span<const std::byte>;

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
Bytes bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.raw()), tensor.bytes()};
}

/// A variable on its way into the archive.
struct Outgoing {
  std::string header;
  Bytes elements;
  std::uint32_t crc = 0;
  std::vector<std::byte> deflated;
};

void take_crc(Outgoing& member) {
  const auto* const header = reinterpret_cast<const Bytef*>(member.header.data());
  const auto* const elements = reinterpret_cast<const Bytef*>(member.elements.data());
  const uLong crc = ::crc32_z(0, header, member.header.size());
  member.crc = static_cast<std::uint32_t>(
      member.elements.empty() ? crc : ::crc32_z(crc, elements, member.elements.size()));
}

void deflate_into(z_stream& stream, Bytes input, int flush, std::vector<std::byte>& output) {
  constexpr std::size_t most = 1 << 30;  // zlib counts in 32 bits
  do {
    const std::size_t piece = std::min(input.size(), most);
    const bool last = piece == input.size();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
    stream.avail_in = static_cast<uInt>(piece);
    input = input.subspan(piece);
    do {
      const std::size_t had = output.size();
      const std::size_t room = std::max<std::size_t>(64 * 1024, std::min(had / 2, most));
      output.resize(had + room);
      stream.next_out = reinterpret_cast<Bytef*>(output.data() + had);
      stream.avail_out = static_cast<uInt>(room);
      ::deflate(&stream, last ? flush : Z_NO_FLUSH);
      output.resize(had + room - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!input.empty());
}

void deflate_member(Outgoing& member) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    fail("deflate: zlib could not start");
  }
  try {
    deflate_into(stream, bytes_of(member.header), Z_NO_FLUSH, member.deflated);
    deflate_into(stream, member.elements, Z_FINISH, member.deflated);
  } catch (...) {
    deflateEnd(&stream);
    throw;
  }
  deflateEnd(&stream);
}

void add_member(ZipWriter& zip, const std::string& name, const Outgoing& outgoing, bool deflated) {
  const ZipWriter::Member member{.name = name + ".npy",
                                 .crc = outgoing.crc,
                                 .size = outgoing.header.size() + outgoing.elements.size(),
                                 .deflated = deflated};
  if (deflated) {
    const std::array pieces{Bytes(outgoing.deflated)};
    zip.add(member, pieces);
  } else {
    const std::array pieces{bytes_of(outgoing.header), outgoing.elements};
    zip.add(member, pieces);
  }
}

/// Checksums that two threads take between them: one ahead of the other, which writes.
class Checksums {
 public:
  explicit Checksums(std::vector<Outgoing>& members) : members_(members), states_(members.size()) {}

  /// Takes those that nobody has begun, front to back.
  void run() {
    for (std::size_t i = 0; i < members_.size() && !stop_; ++i) take(i);
  }
  /// Returns when member `i` has its checksum. Where nobody has begun with it, takes it here: on a
  /// busy machine the other thread may not be running at all.
  void need(std::size_t i) {
    if (!take(i)) states_[i].wait(begun);
  }
  void stop() { stop_ = true; }

 private:
  static constexpr int untouched = 0, begun = 1, done = 2;

  bool take(std::size_t i) {
    int expected = untouched;
    if (!states_[i].compare_exchange_strong(expected, begun)) return false;
    take_crc(members_[i]);
    states_[i] = done;
    states_[i].notify_all();
    return true;
  }

  std::vector<Outgoing>& members_;
  std::vector<std::atomic<int>> states_;
  std::atomic<bool> stop_{false};
};

void write_stored(ZipWriter& zip, const Variables& variables, std::vector<Outgoing>& members) {
  Checksums checksums(members);
  std::jthread helper;
  constexpr std::size_t worth_a_thread = 1 << 20;
  if (threads() > 1 && variables.bytes() >= worth_a_thread) {
    helper = std::jthread([&] { checksums.run(); });
  }
  try {
    for (std::size_t i = 0; i < members.size(); ++i) {
      checksums.need(i);
      add_member(zip, variables[i].name, members[i], false);
    }
  } catch (...) {
    checksums.stop();
    throw;
  }
}

void write_deflated(ZipWriter& zip, const Variables& variables, std::vector<Outgoing>& members) {
  const auto group = static_cast<std::size_t>(threads());
  for (std::size_t first = 0; first < members.size(); first += group) {
    const std::size_t count = std::min(group, members.size() - first);
    parallel_blocks(static_cast<std::int64_t>(count), [&](std::int64_t block) {
      Outgoing& member = members[first + static_cast<std::size_t>(block)];
      take_crc(member);
      deflate_member(member);
    });
    for (std::size_t i = first; i < first + count; ++i) {
      add_member(zip, variables[i].name, members[i], true);
      members[i].deflated = {};
    }
  }
}

}  // namespace

void write_archive(const std::filesystem::path& path, const Variables& variables,
                   io::Compression compression, const std::string& comment) {
  std::vector<Outgoing> members;
  members.reserve(variables.size());
  for (const auto& [name, tensor] : variables) {
    const std::string where = text(path.string(), ": '", name, "'");
    members.push_back(
        {make_npy_header(tensor.shape(), tensor.dtype(), where), bytes_of(tensor), 0, {}});
  }
  AtomicFile file(path);
  ZipWriter zip(file);
  if (compression == io::Compression::deflate) {
    write_deflated(zip, variables, members);
  } else {
    file.reserve(variables.bytes());
    write_stored(zip, variables, members);
  }
  zip.finish(comment);
  file.commit();
}

void check_names(const StoredArrays& stored) {
  for (const StoredArray& array : stored.arrays) {
    const std::string reason = why_not_a_name(array.name);
    if (!reason.empty()) fail(array.where, ": its name '", shown(array.name), "' ", reason);
  }
}

void warn_of_others(const StoredArrays& stored,
                    const std::function<void(const std::string&)>& warn) {
  if (!warn) return;
  for (const std::string& name : stored.passed_over) {
    warn(text(stored.where, ": '", shown(name), "' is no array; passed over"));
  }
}

Variables read_variables(const StoredArrays& stored, io::Float16 float16) {
  check_names(stored);
  refuse_bombs(stored);
  std::vector<const StoredArray*> arrays;
  for (const StoredArray& array : stored.arrays) arrays.push_back(&array);
  std::vector<Tensor> tensors = read_arrays(arrays, float16);
  Variables variables;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    variables.add(arrays[i]->name, std::move(tensors[i]));
  }
  return variables;
}

}  // namespace mnemo::detail
