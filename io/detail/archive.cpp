#include "mnemo/io/detail/archive.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/crc.hpp"
#include "mnemo/io/detail/shown.hpp"
#include "mnemo/io/detail/zip_reader.hpp"
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
  member.crc = crc32(member.elements, crc32(bytes_of(member.header)));
}

void deflate_member(Outgoing& member) {
  constexpr int usual_level = 6;
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(usual_level), libdeflate_free_compressor);
  if (!compressor) throw std::bad_alloc();
  std::vector<std::byte> plain(member.header.size() + member.elements.size());
  std::ranges::copy(bytes_of(member.header), plain.begin());
  std::ranges::copy(member.elements,
                    plain.begin() + static_cast<std::ptrdiff_t>(member.header.size()));
  std::vector<std::byte>& packed = member.deflated;
  packed.resize(libdeflate_deflate_compress_bound(compressor.get(), plain.size()));
  packed.resize(libdeflate_deflate_compress(compressor.get(), plain.data(), plain.size(),
                                            packed.data(), packed.size()));
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

/// Group by group: the disk works on one while the next is prepared, on all threads, and what its CRC
/// was taken of is still in the cache when it is written.
void write_members(ZipWriter& zip, const Variables& variables, std::vector<Outgoing>& members,
                   bool deflated) {
  constexpr std::size_t group_bytes = 16 << 20;
  for (std::size_t first = 0, end = 0; first < members.size(); first = end) {
    for (std::size_t bytes = 0; end < members.size() && bytes < group_bytes; ++end) {
      bytes += members[end].elements.size();
    }
    parallel_blocks(static_cast<std::int64_t>(end - first), [&](std::int64_t block) {
      Outgoing& member = members[first + static_cast<std::size_t>(block)];
      take_crc(member);
      if (deflated) deflate_member(member);
    });
    for (std::size_t i = first; i < end; ++i) {
      add_member(zip, variables[i].name, members[i], deflated);
      members[i].deflated = {};
    }
  }
}

}  // namespace

void write_archive(const std::filesystem::path& path, const Variables& variables,
                   io::Compression compression, const std::string& comment, bool durable) {
  if (variables.size() > most_zip_members) {
    fail(path.string(), ": ", variables.size(), " tensors; an archive holds at most ",
         most_zip_members, ", a folder any number");
  }
  std::vector<Outgoing> members;
  members.reserve(variables.size());
  for (const auto& [name, tensor] : variables) {
    const std::string where = text(path.string(), ": '", name, "'");
    members.push_back(
        {make_npy_header(tensor.shape(), tensor.dtype(), where), bytes_of(tensor), 0, {}});
  }
  AtomicFile file(path, durable);
  ZipWriter zip(file);
  const bool deflated = compression == io::Compression::deflate;
  if (!deflated) file.reserve(variables.bytes());
  write_members(zip, variables, members, deflated);
  zip.finish(comment);
  file.commit();
}

void write_array(const std::filesystem::path& path, const Tensor& tensor, bool durable) {
  const std::string header = make_npy_header(tensor.shape(), tensor.dtype(), path.string());
  AtomicFile file(path, durable);
  file.reserve(tensor.bytes());
  file.append(header.data(), header.size());
  file.append(tensor.raw(), tensor.bytes());
  file.commit();
}

void check_names(const StoredArrays& stored) {
  for (const StoredArray& array : stored.arrays) {
    const std::string reason = why_not_a_name(array.name());
    if (!reason.empty()) fail(array.where(), ": its name '", shown(array.name()), "' ", reason);
  }
}

void warn_of_others(const StoredArrays& stored,
                    const std::function<void(const std::string&)>& warn) {
  if (!warn) return;
  for (const StoredArray& other : stored.others) {
    warn(text(stored.where, ": '", shown(other.place), "' is no array; passed over"));
  }
}

Variables read_variables(const StoredArrays& stored, io::Float16 float16) {
  check_names(stored);
  refuse_bombs(stored);
  std::vector<const StoredArray*> arrays;
  arrays.reserve(stored.arrays.size());
  for (const StoredArray& array : stored.arrays) arrays.push_back(&array);
  std::vector<Tensor> tensors = read_arrays(arrays, float16);
  Variables variables;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    variables.add(std::string(arrays[i]->name()), std::move(tensors[i]));
  }
  return variables;
}

}  // namespace mnemo::detail
