/// What the example programs share: the table of losses, the pictures, the generated data set.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/csv_log.hpp"
#include "common/data.hpp"
#include "common/png.hpp"
#include "common/synthetic.hpp"
#include "mnemo/core/tensor.hpp"
#include "mnemo/io/image.hpp"

using namespace mnemo;
using namespace examples;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "mnemo_common_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
};

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::string header = "step,a,b\n";

/// What is left of a table with these contents when it is opened at `step`.
std::string cut(const std::string& contents, std::int64_t step, std::int64_t missing) {
  const Folder folder;
  const fs::path path = folder.path / "losses.csv";
  std::ofstream(path, std::ios::binary) << contents;
  const CsvLog log(path, {"a", "b"}, step);
  CHECK(log.missing() == missing);
  return bytes_of(path);
}

}  // namespace

TEST_CASE("CsvLog cuts back to the step that it is opened at") {
  const std::string rows = "1,0.5,1\n2,0.25,2\n3,0.125,3\n";
  CHECK(cut("", 0, 0) == header);
  CHECK(cut("step,", 0, 0) == header);  // killed while the header was written
  CHECK(cut(header + rows, 3, 0) == header + rows);
  CHECK(cut(header + rows, 2, 0) == header + "1,0.5,1\n2,0.25,2\n");
  CHECK(cut(header + rows, 0, 0) == header);
  CHECK(cut(header + rows + "4,0.0", 3, 0) == header + rows);
  CHECK(cut(header + rows + "4,0.0", 4, 1) == header + rows);  // a row without its end is none
  CHECK(cut(header + "1,0.5,1\n2,0.25,2\n2,0.25,2\n3,0,0\n", 3, 1) ==
        header + "1,0.5,1\n2,0.25,2\n");
  CHECK(cut(header + "1,0.5,1\nnonsense\n3,0,0\n", 3, 2) == header + "1,0.5,1\n");
  CHECK(cut(header + "10,1,1\n11,1,1\n12,1,1\n", 11, 9) == header + "10,1,1\n11,1,1\n");
}

TEST_CASE("CsvLog leaves a file alone that is not its own") {
  const Folder folder;
  const fs::path path = folder.path / "losses.csv";
  const std::string other = "step,loss\n1,2\n";
  std::ofstream(path) << other;
  CHECK_THROWS_AS(CsvLog(path, {"a", "b"}, 0), Error);
  CHECK(bytes_of(path) == other);
  CHECK_THROWS_AS(CsvLog(folder.path / "none" / "losses.csv", {"a"}, 0), Error);
  CHECK_THROWS_AS(CsvLog("/dev/full", {"a"}, 0), Error);
}

TEST_CASE("CsvLog does not swallow an error of writing") {
  const Folder folder;
  CsvLog log(folder.path / "losses.csv", {"a"}, 0);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{20, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto add = [&] { log.add(1, std::vector<float>{1.2345678e-30f}); };
  CHECK_THROWS_AS(add(), Error);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
}

TEST_CASE("CsvLog writes numbers that read back as the same bits") {
  const Folder folder;
  const fs::path path = folder.path / "losses.csv";
  const std::vector<float> values{0.1f, 1.0f / 3.0f, 1e-42f, 3.4028235e38f, -0.0f, 16777216.0f};
  {
    CsvLog log(path, {"a", "b"}, 0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      log.add(static_cast<std::int64_t>(i) + 1, std::vector<float>{values[i], 0.0f});
    }
  }
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  for (const float value : values) {
    std::getline(file, line);
    const std::size_t begin = line.find(',') + 1;
    const float read = std::strtof(line.c_str() + begin, nullptr);
    CHECK(read == value);
    CHECK(line.ends_with(",0"));
  }
}

TEST_CASE("write_png_grid puts each picture in its place, at its brightness") {
  const Folder folder;
  const fs::path path = folder.path / "grid.png";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // Three pictures of 1 x 2 pixels.
  const Tensor images =
      from_values(std::vector<float>{-1.0f, 1.0f, 0.0f, 7.0f, nan, -7.0f}, {3, 1, 1, 2});
  write_png_grid(path, images, 2, 3);
  const Tensor picture = io::read_png(path);
  CHECK(picture.shape() == Shape{1, 2 * (1 * 3 + 3) + 3, 2 * (2 * 3 + 3) + 3});
  const auto at = [&](std::int64_t x, std::int64_t y) { return picture.at({0, y, x}); };
  for (int dx = 0; dx < 3; ++dx) {
    for (int dy = 0; dy < 3; ++dy) {
      CHECK(at(3 + dx, 3 + dy) == 0);
      CHECK(at(6 + dx, 3 + dy) == 255);
      CHECK(at(12 + dx, 3 + dy) == 128);
      CHECK(at(15 + dx, 3 + dy) == 255);
      CHECK(at(3 + dx, 9 + dy) == 0);
      CHECK(at(6 + dx, 9 + dy) == 0);
    }
  }
  CHECK(at(0, 0) == 64);
  CHECK(at(12, 9) == 64);  // no fourth picture

  CHECK_THROWS_AS(write_png_grid(path, zeros({2, 3, 4, 4}), 2), Error);
  CHECK_THROWS_AS(write_png_grid(path, zeros({0, 4, 4}), 2), Error);
  fs::create_directory(folder.path / "taken.png");
  CHECK_THROWS_AS(write_png_grid(folder.path / "taken.png", images, 2), Error);
}

TEST_CASE(
    "the generated data set: of the real one's form, always the same, ten kinds, soft edges") {
  const io::ImageSet set = synthetic_shapes(500);
  CHECK(set.images.shape() == Shape{500, 28, 28});
  CHECK(set.images.dtype() == DType::uint8);
  CHECK(set.labels.shape() == Shape{500});
  CHECK(set.labels.dtype() == DType::int64);
  CHECK(fingerprint(set.images) == fingerprint(synthetic_shapes(500).images));
  std::vector<int> kinds(10);
  for (const std::int64_t label : set.labels.span<std::int64_t>())
    ++kinds.at(static_cast<std::size_t>(label));
  for (const int count : kinds) CHECK(count > 20);
  const std::uint8_t* pixel = set.images.data<std::uint8_t>();
  for (int image = 0; image < 500; ++image) {
    int lit = 0;
    int grey = 0;
    int brightest = 0;
    for (int i = 0; i < 28 * 28; ++i, ++pixel) brightest = std::max<int>(brightest, *pixel);
    for (int i = -28 * 28; i < 0; ++i) {
      lit += pixel[i] > 0;
      grey += pixel[i] > 0 && pixel[i] < brightest;
    }
    INFO("image ", image, " of kind ", set.labels.at({image}));
    CHECK(brightest >= 150);
    CHECK(lit > 40);
    CHECK(lit < 420);  // the largest disc: radius 11 and half a pixel of soft edge
    CHECK(grey > 5);
    CHECK(pixel[-1] == 0);  // the corner: shapes keep inside
  }
}

TEST_CASE("fingerprint tells tensors apart") {
  const Tensor tensor = synthetic_shapes(3).images;
  const std::uint64_t own = fingerprint(tensor);
  for (const std::size_t at : {std::size_t{0}, std::size_t{1000}, tensor.bytes() - 1}) {
    const Tensor changed = tensor.clone();
    changed.mutable_span<std::uint8_t>()[at] ^= 0x80;
    CHECK(fingerprint(changed) != own);
  }
  CHECK(fingerprint(tensor.reshape({3, 784})) != own);
  CHECK(fingerprint(zeros({7}, DType::uint8)) != fingerprint(zeros({8}, DType::uint8)));
}

TEST_CASE("the command to go on with is quoted for a shell") {
  bool resume = false;
  std::string out;
  CommandLine command_line("program", "");
  command_line.flag("--resume", resume, "");
  command_line.flag("--overwrite", resume, "");
  command_line.option("--out", out, "");
  const char* const arguments[] = {"./program", "--out", "it's here", "--overwrite"};
  REQUIRE(!command_line.parse(4, arguments).has_value());
  CHECK(out == "it's here");
  CHECK(command_line.repeated_with("--resume", "--overwrite") ==
        "./program --out 'it'\\''s here' --resume");
}
