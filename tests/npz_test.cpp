#include "mnemo/io/npz.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>

#include "io_files.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The .npy file of a float32 vector.
std::string vector_file(const std::vector<float>& values) {
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(values.size()) + ",), }";
  header.resize(117, ' ');
  return npy(header + "\n", data);
}

const std::vector<float> one_two_three{1, 2, 3};
const std::vector<float> four_five{4, 5};

bool equal(const Tensor& tensor, const std::vector<float>& values) {
  return tensor.dtype() == DType::float32 &&
         tensor.shape() == Shape{static_cast<std::int64_t>(values.size())} &&
         std::equal(values.begin(), values.end(), tensor.data<float>());
}

std::string refusal(const Folder& folder, const std::string& bytes) {
  const auto path = folder.write("x.npz", bytes);
  const std::string message = message_of([&] { io::read_npz(path); });
  CHECK(message.starts_with(path.string() + ": "));
  CHECK_FALSE(contains(message, "\n"));
  CHECK(message_of([&] { io::verify(path); }) == message);
  return message.substr(path.string().size() + 2);
}

Zip two_members() {
  return Zip()
      .stored("a.npy", vector_file(one_two_three))
      .stored("b/c.npy", vector_file(four_five));
}

void check_two(const std::filesystem::path& path) {
  const Variables read = io::read_npz(path);
  REQUIRE(read.size() == 2);
  CHECK(read[0].name == "a");
  CHECK(read[1].name == "b/c");
  CHECK(equal(read["a"], one_two_three));
  CHECK(equal(read["b/c"], four_five));
}

void check_two(const Folder& folder, const Zip& zip) {
  check_two(folder.write("x.npz", zip.bytes()));
}

std::string zip64(const std::string& values) {
  return little(std::uint16_t{1}) + little(static_cast<std::uint16_t>(values.size())) + values;
}

/// The directory with zip64 records, of an archive as Zip makes it without a comment.
std::string with_zip64_end(std::string bytes, std::uint64_t count, std::uint64_t lie = 0) {
  const std::string end = bytes.substr(bytes.size() - 22);
  const auto number = [&](std::size_t at) {
    std::uint32_t value;
    std::memcpy(&value, end.data() + at, 4);
    return std::uint64_t{value};
  };
  bytes.resize(bytes.size() - 22);
  const std::uint64_t record = bytes.size();
  bytes += little(std::uint32_t{0x06064b50}) + little(std::uint64_t{44}) +
           little(std::uint16_t{45}) + little(std::uint16_t{45}) + little(std::uint64_t{0}) +
           little(count) + little(count) + little(number(12)) + little(number(16));
  bytes += little(std::uint32_t{0x07064b50}) + little(std::uint32_t{0}) + little(record + lie) +
           little(std::uint32_t{1});
  return bytes + little(std::uint32_t{0x06054b50}) + little(std::uint32_t{0}) +
         std::string(12, '\xff') + std::string(2, '\0');
}

std::size_t resident_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

TEST_CASE("archives of other writers are read") {
  const Folder folder;
  check_two(folder, two_members());
  check_two(folder, Zip()
                        .deflate("a.npy", vector_file(one_two_three))
                        .deflate("b/c.npy", vector_file(four_five)));

  SUBCASE("comments of archive and members, unknown extra fields") {
    Zip zip = two_members();
    zip.comment = "a comment " + std::string(1000, '.');
    zip.members[0].comment = "hello";
    zip.members[0].local_extra = little(std::uint16_t{0x5455}) + little(std::uint16_t{5}) + "12345";
    zip.members[1].central_extra = little(std::uint16_t{0x7875}) + little(std::uint16_t{3}) + "abc";
    check_two(folder, zip);
    zip.comment.resize(65535, 'x');
    check_two(folder, zip);
  }
  SUBCASE("zeros behind, which fill up the last block of a pipe or tape") {
    check_two(folder.write("x.npz", two_members().bytes() + std::string(10239, '\0')));
    check_two(
        folder.write("x.npz", with_zip64_end(two_members().bytes(), 2) + std::string(7, '\0')));
  }
  SUBCASE("sizes in zip64 fields, full or absent in the local header") {
    Zip zip = two_members();
    for (Zip::Member& member : zip.members) {
      member.central_size = member.central_packed = 0xFFFFFFFF;
      member.central_extra =
          zip64(little(member.size) + little(std::uint64_t{member.packed.size()}));
      member.local_size = 0xFFFFFFFF;
      member.local_extra = zip64(little(member.size) + little(std::uint64_t{member.packed.size()}));
    }
    check_two(folder, zip);
    for (Zip::Member& member : zip.members) member.local_extra.clear();
    check_two(folder, zip);
    zip.members[1].offset = 0xFFFFFFFF;
    zip.members[1].central_extra =
        zip64(little(zip.members[1].size) + little(zip.members[1].size) +
              little(std::uint64_t{30 + 5 + zip.members[0].packed.size()}));
    check_two(folder, zip);
  }
  SUBCASE("streamed, with data descriptors of both kinds; local sizes mean nothing") {
    Zip zip = two_members();
    zip.members[0].flags = zip.members[1].flags = 8;
    const auto descriptor = [](const Zip::Member& m) {
      return little(m.crc) + little(static_cast<std::uint32_t>(m.size)) +
             little(static_cast<std::uint32_t>(m.size));
    };
    zip.members[0].descriptor = little(std::uint32_t{0x08074b50}) + descriptor(zip.members[0]);
    zip.members[1].descriptor = descriptor(zip.members[1]);
    check_two(folder, zip);
    Zip lying = two_members();
    lying.members[0].local_size = 7;
    check_two(folder, lying);
  }
  SUBCASE("zip64 end records") {
    const auto path = folder.write("x.npz", with_zip64_end(two_members().bytes(), 2));
    check_two(path);
  }
  SUBCASE("folders are passed over; arrays without the ending are arrays") {
    Zip zip;
    zip.stored("b/", "")
        .stored("a", vector_file(one_two_three))
        .stored("b/c.npy", vector_file(four_five));
    check_two(folder, zip);
  }
  SUBCASE("members in any order of places") {
    const std::string first = two_members().bytes();
    Zip swapped = two_members();
    const std::uint32_t second_place =
        30 + 5 + static_cast<std::uint32_t>(swapped.members[0].packed.size());
    // The directory names b/c first, and both at their true places.
    std::string bytes = first;
    const std::size_t directory = bytes.size() - 22 - (46 + 5) - (46 + 7);
    const std::string a = bytes.substr(directory, 46 + 5);
    const std::string b = bytes.substr(directory + 46 + 5, 46 + 7);
    bytes.replace(directory, a.size() + b.size(), b + a);
    const Variables read = io::read_npz(folder.write("x.npz", bytes));
    CHECK(read[0].name == "b/c");
    CHECK(equal(read["b/c"], four_five));
    CHECK(equal(read["a"], one_two_three));
    CHECK(second_place > 0);
  }
  SUBCASE("names in UTF-8 and in code page 437") {
    Zip zip;
    zip.stored("\xce\xb1.npy", vector_file(one_two_three))
        .stored("\x81.npy", vector_file(four_five));
    zip.members[0].flags = 0x0800;
    const Variables read = io::read_npz(folder.write("x.npz", zip.bytes()));
    CHECK(equal(read["\xce\xb1"], one_two_three));
    CHECK(equal(read["\xc3\xbc"], four_five));
  }
  SUBCASE("a backslash in a name stays one, in every form") {
    const auto path =
        folder.write("x.npz", Zip().stored("b\\c.npy", vector_file(four_five)).bytes());
    for (const char* const form : {"y.npz", "run"}) {
      io::save(folder.path / form, io::read(path));
      CHECK(equal(io::read(folder.path / form)["b\\c"], four_five));
    }
  }
  SUBCASE("names from an archiver that was told to pack the current folder") {
    check_two(folder, Zip()
                          .stored("./", "")
                          .stored("./a.npy", vector_file(one_two_three))
                          .stored("./b/c.npy", vector_file(four_five)));
  }
  SUBCASE("sizes of all kinds, each with its CRC") {
    Zip zip;
    std::vector<std::vector<float>> all;
    for (std::size_t size = 0; size < 400; ++size) all.emplace_back(size);
    for (const std::size_t size : {32767, 32768, 32769, 100000}) all.emplace_back(size);
    for (std::vector<float>& values : all) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
      zip.stored(std::to_string(values.size()) + ".npy", vector_file(values));
    }
    const Variables read = io::read_npz(folder.write("x.npz", zip.bytes()));
    for (const std::vector<float>& values : all) {
      CHECK(equal(read[std::to_string(values.size())], values));
    }
  }
  SUBCASE("nothing in it") { CHECK(io::read_npz(folder.write("x.npz", Zip().bytes())).empty()); }
}

TEST_CASE("members that are no arrays are passed over with a warning") {
  const Folder folder;
  Zip zip;
  zip.stored("a.npy", vector_file(one_two_three)).stored("README.txt", "hello");
  std::vector<std::string> warnings;
  const auto path = folder.write("x.npz", zip.bytes());
  const Variables read =
      io::read(path, {.warn = [&](const std::string& text) { warnings.push_back(text); }});
  CHECK(read.size() == 1);
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "README.txt"));
  CHECK(io::verify(path).tensors == 1);
  for (const bool deflated : {false, true}) {
    Zip damaged;
    damaged.stored("a.npy", vector_file(one_two_three));
    deflated ? damaged.deflate("README.txt", "hello") : damaged.stored("README.txt", "hello");
    damaged.members[1].crc ^= 1;
    const auto other = folder.write("y.npz", damaged.bytes());
    CHECK(io::read(other).size() == 1);
    CHECK(contains(message_of([&] { io::verify(other); }), "'README.txt': damaged (its CRC-32"));
  }
  zip.stored("b.npy", "no array");
  CHECK(contains(refusal(folder, zip.bytes()), "'b.npy': no .npy file"));
}

TEST_CASE("archives are refused that are damaged or mean harm") {
  const Folder folder;
  Zip zip = two_members();
  const auto refused = [&](const std::string& part) {
    CHECK(contains(refusal(folder, zip.bytes()), part));
  };

  SUBCASE("checksums") {
    zip.members[1].crc ^= 1;
    refused("'b/c.npy': damaged (its CRC-32");
  }
  SUBCASE("checksum of a deflated member") {
    zip = Zip().deflate("a.npy", vector_file(one_two_three));
    zip.members[0].crc ^= 0x80000000;
    refused("CRC-32");
  }
  SUBCASE("encrypted, in the directory") {
    zip.members[0].flags = 1;
    refused("'a.npy' is encrypted");
  }
  SUBCASE("strongly encrypted") {
    zip.members[0].flags = 0x41;
    refused("encrypted");
  }
  SUBCASE("other methods") {
    for (const std::uint16_t method : {1, 9, 12, 14, 93, 95, 99, 1000}) {
      zip.members[0].method = method;
      refused("(method " + std::to_string(method) + ")");
    }
  }
  SUBCASE("a later version of the format") {
    std::string bytes = zip.bytes();
    bytes[bytes.rfind("PK\x01\x02") + 6] = 64;  // the second member's, to be read with
    CHECK(contains(refusal(folder, bytes), "'b/c.npy' needs version 6.4 of the zip format"));
  }
  SUBCASE("equal names") {
    for (const char* const name : {"a.npy", "a", "./a.npy"}) {
      zip.members[1].name = name;
      refused("two arrays 'a'");
    }
  }
  SUBCASE("names that Variables cannot hold") {
    for (const std::string name :
         {"/a", "../a", "a/../b", "file", "allow_pickle", "", "a.npy", "a//b", "a\x01", "."}) {
      zip.members[1].name = name + ".npy";
      refused(": its name '");
    }
    zip.members[1].name = std::string("a\0b.npy", 7);
    refused("zero byte");
    zip.members[1].name = "\xff.npy";
    zip.members[1].flags = 0x0800;
    refused("UTF-8");
  }
  SUBCASE("another name in the local header") {
    zip.members[0].local_name = "b.npy";
    refused("another name");
    zip.members[0].local_name = "aa.npy";
    refused("another name");
  }
  SUBCASE("overlapping: two members at one place") {
    zip.members[1].name = "z.npy";
    zip.members[1].local_name = "a.npy";
    zip.members[1].offset = 0;
    refused("another name");
  }
  SUBCASE("overlapping: a member inside another, all names right") {
    // The second member's whole record is the data of the first.
    const Zip inner = Zip().stored("c.npy", vector_file(four_five));
    const std::string record = inner.bytes().substr(0, 30 + 5 + inner.members[0].packed.size());
    zip = Zip()
              .stored("a.npy", vector_file(one_two_three))
              .stored("b", record)
              .stored("c.npy", inner.members[0].packed);
    zip.members[2].offset = static_cast<std::uint32_t>(35 + 31 + zip.members[0].packed.size());
    refused("overlap");
  }
  SUBCASE("many members that share the same bytes") {
    zip = Zip();
    for (int i = 0; i < 1000; ++i) {
      zip.stored("a.npy", vector_file(one_two_three));
      if (i > 0) zip.members.back().packed.clear();
      zip.members.back().central_packed = zip.members.back().central_size = 140;
      zip.members.back().offset = 0;
    }
    refused("overlap");
  }
  SUBCASE("sizes that are not true") {
    for (const std::uint32_t size : {0u, 1u, 139u, 141u, 1u << 20, 0xFFFFFFFEu}) {
      CAPTURE(size);
      zip = two_members();
      zip.members[0].central_size = size;
      refused("its two sizes differ");
      zip.members[0].central_packed = size;
      CHECK_FALSE(refusal(folder, zip.bytes()).empty());
      zip = Zip().deflate("a.npy", vector_file(one_two_three));
      zip.members[0].central_size = size;
      CHECK_FALSE(refusal(folder, zip.bytes()).empty());
      zip.members[0].central_size = 140;
      zip.members[0].central_packed = size;
      CHECK_FALSE(refusal(folder, zip.bytes()).empty());
    }
  }
  SUBCASE("zip64 fields that lack sizes, or tell absurd ones") {
    zip.members[0].central_size = 0xFFFFFFFF;
    refused("its two sizes differ");
    zip.members[0].central_extra = zip64("1234");
    refused("zip64");
    zip.members[0].central_packed = 0xFFFFFFFF;
    zip.members[0].central_extra = zip64(little(~std::uint64_t{0}) + little(~std::uint64_t{0}));
    refused("overlap");
    zip.members[0].central_extra =
        zip64(little(~std::uint64_t{0} - 34) + little(~std::uint64_t{0} - 34));
    refused("overlap");
    zip = two_members();
    zip.members[1].offset = 0xFFFFFFFF;
    zip.members[1].central_extra = zip64(little(~std::uint64_t{0} - 10));
    refused("beyond");
    zip.members[1].central_extra = little(std::uint16_t{9}) + little(std::uint16_t{100}) + "abc";
    refused("extra field");
  }
  SUBCASE("zip64 end records that lie") {
    const std::string plain = zip.bytes();
    CHECK(contains(refusal(folder, with_zip64_end(plain, 2, 1)), "locator"));
    CHECK(contains(refusal(folder, with_zip64_end(plain, 2, ~std::uint64_t{0} - 100)), "locator"));
    CHECK(contains(refusal(folder, with_zip64_end(plain, 1)), "longer than its members"));
    CHECK(contains(refusal(folder, with_zip64_end(plain, 3)), "members in a directory"));
    CHECK(contains(refusal(folder, with_zip64_end(plain, ~std::uint64_t{0})),
                   "members in a directory"));
  }
  SUBCASE("something before or behind") {
    const std::string plain = zip.bytes();
    CHECK_FALSE(refusal(folder, plain + '\1').empty());
    CHECK_FALSE(refusal(folder, plain + std::string(100, '\0') + '\1').empty());
    CHECK_FALSE(refusal(folder, plain + plain).empty());
    CHECK_FALSE(refusal(folder, "PK\x03\x04" + plain).empty());
    CHECK(contains(refusal(folder, "#!/bin/sh\n" + plain), "neither"));
  }
  SUBCASE("two end records") {
    zip.comment = Zip().bytes();
    refused("two end records");
  }
  SUBCASE("a pickle in an array of objects") {
    zip.stored("p.npy",
               npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "\x80\x04N."));
    refused("Python objects");
  }
  SUBCASE("deflated data that goes on, or ends early") {
    zip = Zip().deflate("a.npy", vector_file(one_two_three));
    zip.members[0].packed += "junk";
    refused("ends before its place");
    zip.members[0].packed.resize(zip.members[0].packed.size() - 6);
    refused("damaged");
    zip.members[0].packed = "";
    refused("damaged");
    zip.members[0].packed = "\xff\xff";
    refused("damaged");
  }
}

TEST_CASE("an archive that is cut anywhere is refused") {
  const Folder folder;
  for (const Zip& zip :
       {two_members(), Zip().deflate("a.npy", vector_file(std::vector<float>(500, 1.5f)))}) {
    for (const std::string& whole :
         {zip.bytes(), with_zip64_end(zip.bytes(), zip.members.size())}) {
      for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        CHECK_FALSE(refusal(folder, whole.substr(0, length)).empty());
      }
      for (std::size_t length = 1; length < whole.size(); ++length) {
        CAPTURE(length);
        CHECK_FALSE(refusal(folder, whole.substr(length)).empty());
      }
    }
  }
}

TEST_CASE("a flipped bit never changes a number, a name or a shape unnoticed") {
  const Folder folder;
  Zip zip = two_members();
  zip.deflate("d.npy", vector_file({1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  const std::string whole = zip.bytes();
  const Variables expected = io::read_npz(folder.write("x.npz", whole));
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto path = folder.write("x.npz", flipped);
    try {
      const Variables read = io::read(path, {.warn = nullptr});
      CAPTURE(bit / 8);
      REQUIRE(read.size() == expected.size());
      for (const Variable& variable : read) {
        const Tensor* const same = expected.find(variable.name);
        REQUIRE(same != nullptr);
        REQUIRE(variable.tensor.shape() == same->shape());
        REQUIRE(variable.tensor.dtype() == same->dtype());
        REQUIRE(std::memcmp(variable.tensor.raw(), same->raw(), same->bytes()) == 0);
      }
    } catch (const Error&) {
      ++refused;
    }
  }
  // What may pass: times, versions, attributes, and the local headers' copies of the directory.
  CHECK(refused > whole.size() * 8 * 8 / 10);
}

TEST_CASE("zip bombs cost neither memory nor time") {
  const Folder folder;
  std::string zeros(10 << 20, '\0');
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (10485760,), }";
  header.resize(117, ' ');
  const std::string member = npy(header + "\n", zeros);
  Zip zip;
  zip.deflate("0.npy", member);
  for (int i = 1; i < 300; ++i) {  // 3 GiB from 3 MiB
    zip.members.push_back(zip.members[0]);
    zip.members.back().name = std::to_string(i) + ".npy";
  }
  const std::size_t before = resident_peak();
  const auto start = std::chrono::steady_clock::now();
  CHECK(contains(refusal(folder, zip.bytes()), "zip bomb"));
  CHECK(contains(message_of([&] { io::verify(folder.path / "x.npz"); }), "zip bomb"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  CHECK(resident_peak() - before < std::size_t{64} << 20);
  // One such member alone is what numpy.savez_compressed makes of zeros.
  zip.members.resize(1);
  CHECK(io::read_npz(folder.write("x.npz", zip.bytes()))["0"].elements() == 10 << 20);
}

TEST_CASE(
    "what NumPy writes is read: savez, savez_compressed, to a pipe, zipped again by zipfile") {
  const Folder folder;
  python(folder, R"(
class Pipe(io.RawIOBase):  # cannot seek
    def __init__(self, path): self.file = open(path, 'wb')
    def writable(self): return True
    def write(self, data): return self.file.write(data)
    def seekable(self): return False
    def close(self): self.file.close()
rng = np.random.default_rng(1)
arrays = {'weight': rng.normal(size=(3, 4)).astype('f4'), 'deep/er/bias': np.arange(5.0), 'step': np.array(7),
          'turned': np.asfortranarray(rng.normal(size=(4, 3))), 'big_endian': np.arange(4, dtype='>i4'),
          'empty': np.zeros((0, 3), 'f4'), 'mask': np.array([True, False]), 'm\u00fc\u4e2d': np.ones(2)}
np.savez('plain.npz', **arrays)
np.savez_compressed('small.npz', **arrays)
pipe = Pipe('pipe.npz')
np.savez(pipe, **arrays)
pipe.close()
pipe = Pipe('pipe_small.npz')
np.savez_compressed(pipe, **arrays)
pipe.close()
with zipfile.ZipFile('again.npz', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as out:
    for info in zipfile.ZipFile('plain.npz').infolist():
        out.writestr(info.filename, zipfile.ZipFile('plain.npz').read(info))
    out.comment = 'made again \u00fc'.encode()
for name, array in arrays.items():
    name = name.replace('/', '.')
    np.ascontiguousarray(array.astype(array.dtype.newbyteorder('='))).tofile(name + '.raw')
)");
  const std::pair<const char*, Shape> expected[] = {
      {"weight", {3, 4}},  {"deep/er/bias", {5}}, {"step", {}},  {"turned", {4, 3}},
      {"big_endian", {4}}, {"empty", {0, 3}},     {"mask", {2}}, {"m\xc3\xbc\xe4\xb8\xad", {2}}};
  for (const char* const file :
       {"plain.npz", "small.npz", "pipe.npz", "pipe_small.npz", "again.npz"}) {
    CAPTURE(file);
    const Variables read = io::read_npz(folder.path / file);
    REQUIRE(read.size() == std::size(expected));
    std::size_t i = 0;
    for (const auto& [name, shape] : expected) {
      CHECK(read[i].name == name);
      CHECK(read[i].tensor.shape() == shape);
      std::string raw_name = name;
      std::replace(raw_name.begin(), raw_name.end(), '/', '.');
      const std::string raw = bytes_of(folder.path / (raw_name + ".raw"));
      REQUIRE(raw.size() == read[i].tensor.bytes());
      CHECK(std::memcmp(raw.data(), read[i].tensor.raw(), raw.size()) == 0);
      ++i;
    }
  }
}

TEST_CASE("what is written opens everywhere, with members aligned to 64 bytes") {
  const Folder folder;
  Variables variables;
  variables.add("weight", full({3, 4}, 1.5));
  variables.add("group/step", full({}, 3, DType::int64));
  variables.add("m\xc3\xbc", zeros({100, 10}, DType::float64));
  variables.add("none", zeros({0, 2}));
  io::write_npz(folder.path / "stored.npz", variables);
  io::write_npz(folder.path / "deflated.npz", variables, io::Compression::deflate);
  python(folder, R"(
from subprocess import run
for name in ['stored.npz', 'deflated.npz']:
    for tool in ['unzip -tqq', 'bsdtar -tf', '7z t']:
        told = run(tool.split() + [name], capture_output=True, text=True)
        assert told.returncode == 0 and 'arning' not in told.stdout + told.stderr, told
    with np.load(name, allow_pickle=False) as file:
        assert file.files == ['weight', 'group/step', 'm\u00fc', 'none'], file.files
        assert np.array_equal(file['weight'], np.full((3, 4), 1.5, 'f4')) and file['weight'].dtype == np.float32
        assert file['group/step'] == 3 and file['group/step'].shape == () and file['none'].shape == (0, 2)
        assert file['m\u00fc'].dtype == np.float64 and not file['m\u00fc'].any()
    archive = zipfile.ZipFile(name)
    assert archive.testzip() is None
    bytes = open(name, 'rb').read()
    for info in archive.infolist():
        assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert info.compress_type == (0 if name == 'stored.npz' else 8)
        assert (info.flag_bits == 0x800) == (not info.filename.isascii())
        at = info.header_offset
        begin = at + 30 + sum(struct.unpack('<HH', bytes[at + 26:at + 30]))
        if name == 'stored.npz':
            assert begin % 64 == 0, info.filename
            assert bytes[begin:begin + 6] == b'\x93NUMPY'
    assert os.path.getsize('deflated.npz') < os.path.getsize('stored.npz') / 4
)");
  const Variables again = io::read_npz(folder.path / "deflated.npz");
  CHECK(again.size() == 4);
  io::write_npz(folder.path / "second.npz", again);
  CHECK(bytes_of(folder.path / "second.npz") == bytes_of(folder.path / "stored.npz"));
}

TEST_CASE("archives of more members than 16 bits count") {
  const Folder folder;
  Variables variables;
  for (int i = 0; i < 66000; ++i)
    variables.add(std::string("t").append(std::to_string(i)), full({}, i));
  io::write_npz(folder.path / "many.npz", variables);
  const Variables read = io::read_npz(folder.path / "many.npz");
  REQUIRE(read.size() == 66000);
  CHECK(read["t65999"].item() == 65999);
  python(folder,
         "f = np.load('many.npz')\nassert len(f.files) == 66000 and f['t65537'] == 65537\n");
}

TEST_CASE("archives of more than 70000 members are neither written nor read, and cost nothing") {
  const Folder folder;
  Variables variables;
  const Tensor one = full({}, 1);
  const auto add = [&](int i) { variables.add("t" + std::to_string(i), one); };
  for (int i = 0; i < 70000; ++i) add(i);
  const auto path = folder.path / "many.npz";
  io::write_npz(path, variables);
  CHECK(io::verify(path).tensors == 70000);
  add(70000);
  CHECK(contains(message_of([&] { io::write_npz(path, variables); }),
                 ": 70001 tensors; an archive holds at most 70000"));

  // One more, well formed but for its local header, which is not even looked at.
  const std::string whole = bytes_of(path);
  const std::size_t end64 = whole.size() - 22 - 20 - 56;
  std::uint64_t place;
  std::memcpy(&place, whole.data() + end64 + 48, sizeof place);
  std::string central = whole.substr(place, end64 - place);
  central += central.substr(0, 46 + std::strlen("t0.npy"));
  const auto many = [&](std::uint64_t count) {
    std::string bytes = whole.substr(0, place) + central + whole.substr(end64);
    const std::size_t record = place + central.size();
    const std::uint64_t size = central.size();
    for (const std::size_t at : {24, 32}) std::memcpy(&bytes[record + at], &count, sizeof count);
    std::memcpy(&bytes[record + 40], &size, sizeof size);
    std::memcpy(&bytes[record + 56 + 8], &record, sizeof record);
    std::memset(&bytes[bytes.size() - 22 + 12], 0xff, 8);  // size and place are in the record alone
    return bytes;
  };
  CHECK(refusal(folder, many(70001)) == "an archive of 70001 members; at most 70000 can be read");
  CHECK(contains(refusal(folder, many(70000)), "longer than its members"));
}
