#include "mnemo/io/idx.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "mnemo/io/fashion_mnist.hpp"

using namespace mnemo;

namespace {

/// A folder of its own for one test, gone afterwards.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "mnemo_idx_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
};

std::string header(const std::vector<std::uint32_t>& lengths, char type = 8) {
  std::string bytes{'\0', '\0', type, static_cast<char>(lengths.size())};
  for (const std::uint32_t length : lengths) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift & 255);
  }
  return bytes;
}

std::string gzip(const std::string& bytes, int level = 9) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

/// The message of the error that reading gives; "" if it gives none.
std::string refusal(const std::filesystem::path& path, std::size_t limit = io::idx_default_limit) {
  try {
    io::read_idx(path, limit);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

#define CHECK_REFUSED(path, expected)                                     \
  do {                                                                    \
    const std::string message = refusal(path);                            \
    INFO(message);                                                        \
    CHECK(message.find(expected) != std::string::npos);                   \
    CHECK(message.find((path).filename().string()) != std::string::npos); \
  } while (false)

std::string pattern(std::size_t count) {
  std::string bytes(count, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

}  // namespace

TEST_CASE("read_idx reads plain and gzip files of any rank, whatever their name") {
  const Folder folder;
  const std::string data = pattern(2 * 3 * 4);
  for (const std::string& bytes : {header({2, 3, 4}) + data, gzip(header({2, 3, 4}) + data),
                                   gzip(header({2, 3, 4}) + data, 0)}) {
    const Tensor tensor = io::read_idx(folder.write("data", bytes));
    CHECK(tensor.dtype() == DType::uint8);
    CHECK(tensor.shape() == Shape{2, 3, 4});
    CHECK(std::equal(data.begin(), data.end(), tensor.data<std::uint8_t>(),
                     [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }));
  }
  CHECK(io::read_idx(folder.write("one", header({1}) + "\xff")).item() == 255);
  CHECK(io::read_idx(folder.write("none", header({0, 28, 28}))).shape() == Shape{0, 28, 28});
  CHECK(io::read_idx(folder.write("none.gz", gzip(header({0})))).elements() == 0);
}

TEST_CASE("read_idx reads every type of element, big-endian") {
  const Folder folder;
  const auto read = [&](char type, const std::string& data, std::uint32_t count, DType dtype) {
    const Tensor tensor = io::read_idx(folder.write("data", header({count}, type) + data));
    CHECK(tensor.dtype() == dtype);
    CHECK(tensor.shape() == Shape{count});
    std::vector<double> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(tensor.at({i}));
    return values;
  };
  using Values = std::vector<double>;
  CHECK(read(9, "\xff\x02", 2, DType::int8) == Values{-1, 2});
  CHECK(read(11, "\xff\xfe\x01\x02", 2, DType::int16) == Values{-2, 258});
  CHECK(read(12, std::string("\0\x01\0\0\xff\xff\xff\xff", 8), 2, DType::int32) ==
        Values{65536, -1});
  CHECK(read(13, std::string("\x3f\xc0\0\0", 4), 1, DType::float32) == Values{1.5});
  CHECK(read(14, std::string("\xc0\x02\0\0\0\0\0\0", 8), 1, DType::float64) == Values{-2.25});
}

TEST_CASE("read_idx reads a compressed file of many chunks") {
  const Folder folder;
  const std::string data = pattern(1 << 20);
  const Tensor tensor = io::read_idx(folder.write("big.gz", gzip(header({1 << 20}) + data, 6)));
  CHECK(std::string(reinterpret_cast<const char*>(tensor.data<std::uint8_t>()), data.size()) ==
        data);
}

TEST_CASE("read_idx refuses what is no IDX file of bytes, and says why") {
  const Folder folder;
  CHECK_REFUSED(folder.path / "nothing", "No such file");
  CHECK_REFUSED(folder.write("empty", ""), "too short");
  CHECK_REFUSED(folder.write("short", header({5}).substr(0, 3)), "too short");
  CHECK_REFUSED(folder.write("text", "hello, world"), "not an IDX file");
  CHECK_REFUSED(folder.write("little", std::string("\x03\x08\0\0\x01\0\0\0a", 9)),
                "not an IDX file");
  CHECK_REFUSED(folder.write("floats", header({1}, 10) + "abcd"), "type 10");
  CHECK_REFUSED(folder.write("rank0", header({}) + "a"), "0 axes");
  CHECK_REFUSED(folder.write("rank33", header(std::vector<std::uint32_t>(33, 1)) + "a"), "33 axes");
  CHECK_REFUSED(folder.write("cut", header({2, 3}).substr(0, 9)), "inside its header");
  CHECK_REFUSED(folder.write("less", header({2, 3}) + "abcde"),
                "17 bytes, but shape [2, 3] needs 18");
  CHECK_REFUSED(folder.write("more", header({2, 3}) + "abcdefg"), "needs 18");
  CHECK_REFUSED(folder.write("half", header({0, 3}) + "abc"), "needs 12");

  std::filesystem::create_directory(folder.path / "folder");
  CHECK_REFUSED(folder.path / "folder", "not a regular file");
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  CHECK_REFUSED(folder.path / "pipe", "not a regular file");  // and does not wait for a writer
}

TEST_CASE("read_idx refuses damaged gzip streams") {
  const Folder folder;
  const std::string data = pattern(5000);
  const std::string good = gzip(header({5000}) + data);
  REQUIRE(refusal(folder.write("good", good)).empty());
  for (std::size_t cut = 2; cut < good.size(); cut += cut < 40 || cut + 40 > good.size() ? 1 : 97) {
    const std::string message = refusal(folder.write("cut", good.substr(0, cut)));
    INFO("cut after ", cut, ": ", message);
    CHECK(!message.empty());
  }
  CHECK_REFUSED(folder.write("trailing", good + "x"), "more bytes");
  CHECK_REFUSED(folder.write("two", good + good), "more bytes");
  CHECK_REFUSED(folder.write("inside", gzip(header({5000}) + data + "x")), "more bytes");
  CHECK_REFUSED(folder.write("less", gzip(header({5000}) + data.substr(1))), "ends after 4999");
  for (const std::size_t from_end : {8, 5, 4, 1}) {  // the checksum, the length
    std::string damaged = good;
    damaged[damaged.size() - from_end] ^= 1;
    CHECK_REFUSED(folder.write("damaged", damaged), "damaged");
  }
  std::string damaged = good;
  damaged[damaged.size() / 2] ^= 0x10;
  CHECK(!refusal(folder.write("damaged", damaged)).empty());
}

TEST_CASE("read_idx refuses hostile headers at once, without asking for the memory they claim") {
  const Folder folder;
  const auto fresh_bytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024L;
  };
  const std::uint32_t huge = 0xffffffff;
  CHECK_REFUSED(folder.write("huge", header({huge})), "limit");
  CHECK_REFUSED(folder.write("wraps", header({huge, huge, huge})), "limit");
  CHECK_REFUSED(folder.write("wraps0", header({1u << 31, 1u << 31, 4})), "limit");
  CHECK_REFUSED(folder.write("zero", header({huge, huge, huge, 0})), "limit");
  CHECK_REFUSED(folder.write("claims", header({200 << 20})), "needs 209715208");
  CHECK_REFUSED(folder.write("claims.gz", gzip(header({200 << 20}))), "cannot hold");
  std::string barely = gzip(header({200 << 20}));  // padded until the ratio alone is possible
  barely += std::string((200 << 20) / 1000, 'x');
  const long before = fresh_bytes();
  CHECK_REFUSED(folder.write("barely.gz", barely), "ends after 0");
  const bool is_sanitized = std::getenv("MNEMO_SANITIZED") != nullptr;
  CHECK((is_sanitized || fresh_bytes() - before < 20'000'000));

  // 100 MB of zeros behind a header that announces one element.
  std::string bomb = header({1});
  bomb.resize(100'000'000);
  const std::string small = gzip(bomb, 1);
  bomb = {};
  const auto bomb_begin = std::chrono::steady_clock::now();
  CHECK_REFUSED(folder.write("bomb", small), "too many");
  // The same bomb with as few bytes as pass that comparison.
  CHECK_REFUSED(folder.write("bomb2", small.substr(0, 60000)), "more bytes");
  const auto bomb_end = std::chrono::steady_clock::now();
  CHECK(std::chrono::duration<double>(bomb_end - bomb_begin).count() < 1.0);
  // Work without elements: empty stored blocks, five bytes each.
  std::string idle("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  for (int block = 0; block < 100000; ++block) idle += std::string("\0\0\0\xff\xff", 5);
  CHECK_REFUSED(folder.write("idle", idle), "too short");
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - bomb_end).count() < 1.0);
}

TEST_CASE("read_idx: the limit is the caller's") {
  const Folder folder;
  const auto path = folder.write("data", header({10, 10}) + pattern(100));
  CHECK(refusal(path, 100).empty());
  CHECK(refusal(path, 99).find("limit of 99 bytes") != std::string::npos);
  CHECK(refusal(path, SIZE_MAX).empty());
  CHECK(refusal(folder.write("wraps", header({0xffffffff, 0xffffffff, 0xffffffff})), SIZE_MAX)
            .find("limit") != std::string::npos);
}

namespace {

/// The message of the error that reading a folder gives; "" if it gives none.
std::string folder_refusal(const std::filesystem::path& path) {
  try {
    io::read_fashion_mnist(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("read_fashion_mnist reads both files and compares them") {
  const Folder folder;
  const std::string pictures = pattern(3 * 28 * 28);
  const std::string images = "train-images-idx3-ubyte";
  const std::string labels = "train-labels-idx1-ubyte";
  folder.write(images + ".gz", gzip(header({3, 28, 28}) + pictures));
  folder.write(labels, header({3}) + std::string("\x09\x00\x04", 3));
  const io::ImageSet set = io::read_fashion_mnist(folder.path);
  CHECK(set.images.shape() == Shape{3, 28, 28});
  CHECK(set.images.at({2, 27, 27}) == static_cast<std::uint8_t>(pictures.back()));
  CHECK(set.labels.dtype() == DType::int64);
  CHECK(set.labels.at({0}) == 9);
  CHECK(set.labels.at({2}) == 4);

  folder.write(labels, header({3}) + std::string("\x09\x0a\x04", 3));
  CHECK(folder_refusal(folder.path).find("label 10") != std::string::npos);
  folder.write(labels, header({2}) + std::string("\x09\x00", 2));
  CHECK(folder_refusal(folder.path).find("2 labels for 3 images") != std::string::npos);
  folder.write(labels, header({3, 1}) + std::string("\x09\x00\x04", 3));
  CHECK(folder_refusal(folder.path).find("[3, 1]") != std::string::npos);
  folder.write(labels, header({3}) + std::string("\x09\x00\x04", 3));
  folder.write(images, header({3, 14, 56}) + pictures);
  CHECK(folder_refusal(folder.path).find("[3, 14, 56]") != std::string::npos);
}

TEST_CASE("read_fashion_mnist says what to install where the data is missing") {
  const std::string message = folder_refusal("/nonexistent/folder");
  CHECK(message.find("/nonexistent/folder") != std::string::npos);
  CHECK(message.find("apt-get install dataset-fashion-mnist") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("Fashion-MNIST as Debian packages it") {
  if (!std::filesystem::exists(io::fashion_mnist_folder)) {
    MESSAGE("dataset-fashion-mnist is not installed; not tested");
    return;
  }
  const io::ImageSet train = io::read_fashion_mnist();
  CHECK(train.images.shape() == Shape{60000, 28, 28});
  std::array<int, 10> counts{};
  for (const std::int64_t label : train.labels.span<std::int64_t>())
    ++counts[static_cast<std::size_t>(label)];
  for (const int count : counts) CHECK(count == 6000);
  std::int64_t sum = 0;
  for (const std::uint8_t pixel : train.images.span<std::uint8_t>()) sum += pixel;
  CHECK(sum == 3431114169);  // NumPy: gzip.open(...).read()[16:] summed
  const io::ImageSet test = io::read_fashion_mnist(io::fashion_mnist_folder, io::Split::test);
  CHECK(test.images.shape() == Shape{10000, 28, 28});
  CHECK(test.labels.at({0}) == 9);
}
