#pragma once
// What the tests of io share: a folder of their own, bytes of files built by hand, NumPy.

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "from_ctest.hpp"
#include "mnemo/core/error.hpp"

namespace io_files {

/// A folder of its own for one test, gone afterwards.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mnemo_io_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::filesystem::remove(path /
                            name);  // written over, it would be flushed to the disk each time
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
  /// Names of everything in it.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      result.push_back(entry.path().filename().string());
    }
    std::sort(result.begin(), result.end());
    return result;
  }
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs a Python program that has NumPy as `np`; its working folder is `folder`.
inline void python(const Folder& folder, const std::string& program) {
  const auto script = folder.path / "program.py";
  std::ofstream(script) << "import io, os, struct, sys, zipfile, zlib\nimport numpy as np\n"
                        << program;
  const std::string command =
      "cd '" + folder.path.string() + "' && '" + from_ctest("MNEMO_PYTHON") + "' -B program.py";
  REQUIRE(std::system(command.c_str()) == 0);
  std::filesystem::remove(script);
}

/// Runs `body`, which must throw an Error, and returns its message.
template <class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const mnemo::Error& error) {
    return error.what();
  }
  FAIL("no error was thrown");
  return "";
}

template <class Number>
std::string little(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xFF);
  }
  return bytes;
}

/// An .npy file with exactly this header text.
inline std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  if (version == 1) {
    bytes += little(static_cast<std::uint16_t>(header.size()));
  } else {
    bytes += little(static_cast<std::uint32_t>(header.size()));
  }
  return bytes + header + data;
}

inline std::uint32_t crc_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

inline std::string deflated(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, static_cast<uLong>(bytes.size())) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

/// A zip archive whose every field can be wrong.
struct Zip {
  struct Member {
    std::string name;
    std::string packed;
    std::uint32_t crc;
    std::uint64_t size;
    std::uint16_t method = 0;
    std::uint16_t flags = 0;
    std::string local_extra = {};
    std::string central_extra = {};
    std::string descriptor = {};            ///< after the data
    std::uint32_t local_size = 0xFFFFFFF0;  ///< this value: the true one
    std::uint32_t central_size = 0xFFFFFFF0;
    std::uint32_t central_packed = 0xFFFFFFF0;
    std::uint32_t offset = 0xFFFFFFF0;
    std::string local_name = "\n";  ///< this value: the same
    std::string comment = {};
  };
  std::vector<Member> members;
  std::string comment;
  std::string before;  ///< of the first member

  Zip& stored(std::string name, const std::string& bytes) {
    members.push_back(
        {.name = std::move(name), .packed = bytes, .crc = crc_of(bytes), .size = bytes.size()});
    return *this;
  }
  Zip& deflate(std::string name, const std::string& bytes) {
    members.push_back({.name = std::move(name),
                       .packed = deflated(bytes),
                       .crc = crc_of(bytes),
                       .size = bytes.size(),
                       .method = 8});
    return *this;
  }

  std::string bytes() const {
    using std::uint16_t;
    using std::uint32_t;
    std::string file = before;
    std::string central;
    const auto pick = [](uint32_t given, std::uint64_t real) {
      return given == 0xFFFFFFF0 ? static_cast<uint32_t>(real) : given;
    };
    for (const Member& m : members) {
      const auto offset = file.size();
      const std::string& local_name = m.local_name == "\n" ? m.name : m.local_name;
      const bool streamed = m.flags & 8;
      file += little(uint32_t{0x04034b50}) + little(uint16_t{20}) + little(m.flags) +
              little(m.method) + little(uint32_t{0}) + little(streamed ? 0 : m.crc) +
              little(pick(m.local_size, streamed ? 0 : m.packed.size())) +
              little(pick(m.local_size, streamed ? 0 : m.size)) +
              little(static_cast<uint16_t>(local_name.size())) +
              little(static_cast<uint16_t>(m.local_extra.size())) + local_name + m.local_extra +
              m.packed + m.descriptor;
      central += little(uint32_t{0x02014b50}) + little(uint16_t{20}) + little(uint16_t{20}) +
                 little(m.flags) + little(m.method) + little(uint32_t{0}) + little(m.crc) +
                 little(pick(m.central_packed, m.packed.size())) +
                 little(pick(m.central_size, m.size)) +
                 little(static_cast<uint16_t>(m.name.size())) +
                 little(static_cast<uint16_t>(m.central_extra.size())) +
                 little(static_cast<uint16_t>(m.comment.size())) + little(uint32_t{0}) +
                 little(uint32_t{0}) + little(pick(m.offset, offset)) + m.name + m.central_extra +
                 m.comment;
    }
    const auto count = static_cast<uint16_t>(members.size());
    return file + central + little(uint32_t{0x06054b50}) + little(uint32_t{0}) + little(count) +
           little(count) + little(static_cast<uint32_t>(central.size())) +
           little(static_cast<uint32_t>(file.size())) +
           little(static_cast<uint16_t>(comment.size())) + comment;
  }
};

}  // namespace io_files
