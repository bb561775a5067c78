#include "mnemo/io/image.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "from_ctest.hpp"
#include "io_files.hpp"
#include "mnemo/core/creation.hpp"
#include "mnemo/io/batches.hpp"
#include "mnemo/io/npz.hpp"
#include "mnemo/io/prefetch.hpp"

using namespace mnemo;
using io_files::bytes_of;
using io_files::Folder;

namespace {

namespace fs = std::filesystem;

/// Written by Pillow, with what it reads from them: golden/record_images.py.
fs::path golden(const std::string& name) {
  return fs::path(from_ctest("MNEMO_TESTS_DIR")) / "golden" / "images" / name;
}

bool equal(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::equal(a.span<std::uint8_t>().begin(), a.span<std::uint8_t>().end(),
                    b.span<std::uint8_t>().begin());
}

std::string big_endian(std::size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(data.size()) + body + big_endian(crc);
}

std::string deflated(const std::string& bytes) {
  std::string result(compressBound(bytes.size()), '\0');
  uLongf size = result.size();
  REQUIRE(compress2(reinterpret_cast<Bytef*>(result.data()), &size,
                    reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 9) == Z_OK);
  result.resize(size);
  return result;
}

/// A PNG file by the specification: 8-bit pixels of one channel unless told otherwise.
std::string png(std::size_t width, std::size_t height, const std::string& rows,
                const std::string& kind = std::string("\x08\0\0\0\0", 5),
                const std::string& more = "") {
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", big_endian(width) + big_endian(height) + kind) + more +
         chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

std::string refusal(const fs::path& path) {
  try {
    io::read_png(path);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
    return error.what();
  }
  return "";
}

/// Two classes of pictures of 2 x 1 pixels; the pixels of picture i of class c are c and i.
void fill(const Folder& folder) {
  for (const char* name : {"cat", "dog"}) {
    fs::create_directory(folder.path / name);
    for (int i : {10, 2, 1}) {
      const std::string row{'\0', static_cast<char>(name[0]), static_cast<char>(i)};
      folder.write(std::string(name) + "/" + std::to_string(i) + ".png", png(2, 1, row));
    }
  }
  folder.write(".hidden", "no class");
}

}  // namespace

TEST_CASE("pictures of every kind are read as Pillow reads them") {
  const Variables expected = io::read_npz(golden("expected.npz"));
  CHECK(expected.size() == 11);
  for (const Variable& variable : expected) {
    const std::string& name = variable.name;
    const Tensor& pixels = variable.tensor;
    INFO(name);
    const bool grey = name.starts_with("grey");
    CHECK(equal(io::read_png(golden(name + ".png")), pixels));
    const Tensor rgb = io::read_png(golden(name + ".png"), io::Channels::rgb);
    CHECK(rgb.size(0) == 3);
    if (!grey) CHECK(equal(rgb, pixels));
    if (grey) {
      for (std::int64_t i = 0; i < rgb.elements(); ++i) {
        CHECK(rgb.data<std::uint8_t>()[i] == pixels.data<std::uint8_t>()[i % pixels.elements()]);
      }
    }
  }
  const Tensor luma = io::read_npz(golden("luma.npz")).at("rgb");
  CHECK(equal(io::read_png(golden("rgb.png"), io::Channels::grey), luma));
}

TEST_CASE("depths, interlacing and gamma by the specification") {
  const Folder folder;
  const auto read = [&](std::size_t width, std::size_t height, const std::string& rows,
                        const std::string& kind, const std::string& more = "") {
    const Tensor picture =
        io::read_png(folder.write("x.png", png(width, height, rows, kind, more)));
    const auto span = picture.span<std::uint8_t>();
    return std::vector<int>(span.begin(), span.end());
  };
  using Pixels = std::vector<int>;
  const std::string grey1("\x01\0\0\0\0", 5), grey2("\x02\0\0\0\0", 5), grey4("\x04\0\0\0\0", 5),
      grey8("\x08\0\0\0\0", 5), grey16("\x10\0\0\0\0", 5), interlaced("\x08\0\0\0\x01", 5);
  CHECK(read(3, 1, std::string("\0\xA0", 2), grey1) == Pixels{255, 0, 255});
  CHECK(read(4, 1, std::string("\0\x1B", 2), grey2) == Pixels{0, 85, 170, 255});
  CHECK(read(2, 1, std::string("\0\x3F", 2), grey4) == Pixels{51, 255});
  // Rounded: 0x8081 / 65535 * 255 is 128.5 and a little, 0x7F7F exactly 127.
  CHECK(read(2, 1, std::string("\0\x81\x01\x7F\x7F", 5), grey16) == Pixels{129, 127});
  // Adam7 of 2 x 2: the first pixel, then its neighbour, then the second row.
  CHECK(read(2, 2, std::string("\0\x01\0\x02\0\x03\x04", 7), interlaced) == Pixels{1, 2, 3, 4});
  const std::string gamma = chunk("gAMA", big_endian(100'000));
  CHECK(read(2, 1, std::string("\0\x10\x20", 3), grey8, gamma) == Pixels{16, 32});
}

TEST_CASE("what is written is read back, by others too") {
  const Folder folder;
  const Tensor values = cast(arange(30), DType::uint8);
  const auto shape_after = [&](const Shape& shape) {
    const Tensor picture = values.reshape({30}).clone();
    return Tensor(picture.storage(), shape, DType::uint8);
  };
  io::write_png(folder.path / "a.png", shape_after({3, 2, 5}));
  CHECK(equal(io::read_png(folder.path / "a.png"), shape_after({3, 2, 5})));
  for (const Shape& shape : {Shape{5, 6}, Shape{1, 5, 6}}) {
    io::write_png(folder.path / "b.png", shape_after(shape));
    CHECK(equal(io::read_png(folder.path / "b.png"), shape_after({1, 5, 6})));
  }
  const std::string bytes = bytes_of(folder.path / "b.png");
  CHECK(bytes.starts_with("\x89PNG\r\n\x1a\n"));
  CHECK(bytes.substr(12, 13) == "IHDR" + big_endian(6) + big_endian(5) + "\x08");
  CHECK(folder.names() == std::vector<std::string>{"a.png", "b.png"});
  for (const Shape& shape : {Shape{30}, Shape{2, 3, 5}, Shape{0, 3}}) {
    CHECK_THROWS_AS(io::write_png(folder.path / "c.png", zeros(shape, DType::uint8)), Error);
  }
  CHECK_THROWS_WITH_AS(io::write_png(folder.path / "c.png", zeros({2, 2})),
                       doctest::Contains("float32 [2, 2], expected uint8"), Error);
  CHECK_THROWS_AS(io::write_png(folder.path / "a.png" / "c.png", shape_after({5, 6})), Error);
}

TEST_CASE("cut, flipped and lying files are refused") {
  const Folder folder;
  std::string rows;
  for (int row = 0; row < 6; ++row) rows += '\0' + std::string(7, static_cast<char>(40 * row));
  const std::string whole = png(7, 6, rows);
  CHECK(refusal(folder.write("whole.png", whole)) == "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(refusal(folder.write("cut.png", whole.substr(0, size))) != "");
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {  // every byte is under a checksum, or magic
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    INFO(at);
    CHECK(refusal(folder.write("flipped.png", flipped)) != "");
  }
  CHECK(refusal(folder.write("more.png", png(7, 7, rows))) != "");
  CHECK(refusal(folder.write("text.png", "not a picture")) != "");
  CHECK(refusal(folder.path).find("regular file") != std::string::npos);
  CHECK(refusal(folder.path / "no.png").find("No such file") != std::string::npos);
}

TEST_CASE("bombs and absurd sizes are refused at once") {
  const Folder folder;
  const auto begin = std::chrono::steady_clock::now();
  const auto told = [&](const std::string& bytes, const std::string& expected) {
    const std::string message = refusal(folder.write("bomb.png", bytes));
    INFO(message);
    CHECK(message.find(expected) != std::string::npos);
  };
  told(png(2'000'000'000, 2'000'000'000, ""), "");
  told(png(1 << 20, 1 << 20, ""), "more than the limit of");
  told(png(60'000, 60'000, std::string(1 << 20, '\0')), "more than the limit of");
  told(png(4000, 4000, ""), "cannot hold");
  told(png(60'000, 60, "", std::string("\x01\0\0\0\0", 5)), "cannot hold");  // 1 bit a pixel
  told(png(0, 1, ""), "");
  const std::string text = chunk("tEXt", "key" + std::string(17 << 20, 'x'));
  told(png(1, 1, std::string(2, '\0'), std::string("\x08\0\0\0\0", 5), text), "too many");
  const std::string profile =
      chunk("iCCP", std::string("p\0\0", 3) + deflated(std::string(64 << 20, '\0')));
  CHECK(refusal(folder.write("profile.png", png(1, 1, std::string(2, '\0'),
                                                std::string("\x08\0\0\0\0", 5), profile))) == "");
  CHECK_THROWS_WITH_AS(io::read_png(golden("rgb.png"), io::Channels::rgb, 100),
                       doctest::Contains("limit of 100 bytes"), Error);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("a folder of pictures: sorted classes and files") {
  const Folder folder;
  fill(folder);
  const io::ImageFolder pictures(folder.path);
  CHECK(pictures.classes() == std::vector<std::string>{"cat", "dog"});
  CHECK(pictures.size() == 6);
  CHECK(pictures.shape() == Shape{1, 1, 2});
  CHECK(pictures.files()[1] == folder.path / "cat" / "10.png");
  const Tensor& labels = pictures.labels();
  CHECK(labels.dtype() == DType::int64);
  const Tensor all = pictures.read_all();
  CHECK(all.shape() == Shape{6, 1, 1, 2});
  const int expected[] = {1, 10, 2, 1, 10, 2};
  for (std::int64_t i = 0; i < 6; ++i) {
    CHECK(labels.at({i}) == (i < 3 ? 0 : 1));
    CHECK(all.at({i, 0, 0, 0}) == (i < 3 ? 'c' : 'd'));
    CHECK(all.at({i, 0, 0, 1}) == expected[i]);
  }
  CHECK(io::ImageFolder(folder.path, io::Channels::rgb).read_all().shape() == Shape{6, 3, 1, 2});
  CHECK_THROWS_WITH_AS(pictures.read(from_values(std::vector<std::int64_t>{6}, {1})),
                       doctest::Contains("number 6 of 6"), Error);
  CHECK_THROWS_AS(pictures.read(zeros({2})), Error);
}

TEST_CASE("pictures are read batch by batch, ahead of time, and go on where they were") {
  const Folder folder;
  fill(folder);
  const io::ImageFolder pictures(folder.path);
  const auto deal = [&](const Variables* from, int count) {
    io::Batches rows({arange(pictures.size()), pictures.labels()}, {.size = 4, .seed = 3});
    io::Prefetch batches(
        [&] {
          auto batch = rows.next();
          batch[0] = pictures.read(batch[0]);
          return batch;
        },
        rows.variables());
    if (from) {
      for (const auto& [name, state] : *from) batches.variables().at(name).assign(state);
    }
    std::vector<int> seen;
    for (int i = 0; i < count; ++i) {
      const auto batch = batches.next();
      CHECK(batch[0].shape() == Shape{batch[1].size(0), 1, 1, 2});
      for (std::int64_t row = 0; row < batch[1].size(0); ++row) {
        CHECK(batch[0].at({row, 0, 0, 0}) == (batch[1].at({row}) == 0.0 ? 'c' : 'd'));
        seen.push_back(static_cast<int>(batch[0].at({row, 0, 0, 1}) + 100 * batch[1].at({row})));
      }
    }
    Variables state;
    for (const auto& [name, tensor] : batches.variables()) state.add(name, tensor.clone());
    return std::pair(seen, state);
  };
  const auto [whole, unused] = deal(nullptr, 5);
  auto [first, state] = deal(nullptr, 2);
  const auto [rest, unused2] = deal(&state, 3);
  first.insert(first.end(), rest.begin(), rest.end());
  CHECK(first == whole);
}

TEST_CASE("folders that are no data set are told, with the file") {
  const Folder folder;
  const auto told = [&](const std::string& expected) {
    std::string message;
    try {
      io::ImageFolder(folder.path).read_all();
    } catch (const Error& error) {
      message = error.what();
    }
    INFO(message);
    CHECK(message.find(expected) != std::string::npos);
  };
  told("no folders of pictures");
  fill(folder);
  folder.write("dog/3.png", png(1, 1, std::string(2, '\0')));
  told("dog/3.png: 1 x 1 pixels, expected 2 x 1 as ");
  folder.write("dog/3.png", "no picture");
  told("dog/3.png");
  folder.write("dog/3.png", png(2, 1, std::string(3, '\0')));
  folder.write("dog/4.jpg", "");
  told("dog/4.jpg: no .png file");
  fs::remove(folder.path / "dog/4.jpg");
  fs::create_directory(folder.path / "empty");
  told("empty: a class without pictures");
  fs::remove(folder.path / "empty");
  folder.write("readme.txt", "");
  told("readme.txt: a file beside");
  CHECK_THROWS_WITH_AS(io::ImageFolder(folder.path / "none"), doctest::Contains("none: No such"),
                       Error);
}
