#include "mnemo/io/npy.hpp"

#include <bit>
#include <chrono>
#include <cstring>

#include "io_files.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

const std::string six_floats = [] {
  std::string bytes;
  for (const float value : {1.5f, -2.0f, 3.0f, 4.25f, 5.0f, 6.0f}) {
    bytes += little(std::bit_cast<std::uint32_t>(value));
  }
  return bytes;
}();

bool is_the_six(const Tensor& tensor) {
  return tensor.dtype() == DType::float32 && tensor.shape() == Shape{2, 3} &&
         std::memcmp(tensor.raw(), six_floats.data(), six_floats.size()) == 0;
}

/// The error that reading these bytes as x.npy throws, without the file's name.
std::string refusal(const Folder& folder, const std::string& bytes) {
  const auto path = folder.write("x.npy", bytes);
  const std::string message = message_of([&] { io::read_npy(path); });
  CHECK(message.starts_with(path.string() + ": "));
  return message.substr(path.string().size() + 2);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("headers are read in every spelling that NumPy accepts") {
  const Folder folder;
  const char* const spellings[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
      "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}",
      "{'fortran_order': False, 'shape': (2, 3), 'descr': '<f4'}          \n",
      "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2, 3)}",
      "{'descr':'<f4','fortran_order':False,'shape':(2,3)}",
      "{'descr':'<f4','fortran_order':False,'shape':(2,3,),}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
      "{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , 3 ) , }",
      "{\n  'descr': '<f4',\n\t'fortran_order': False,\r\n  'shape': (2,\n 3)\n}\n",
      "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': '|f4', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': 'f4', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': '<f04', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': 'float32', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': 'f', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': u'<f4', u'fortran_order': False, 'shape': (0x2, 0b11)}",
      "{'descr': '<' 'f4', 'fortran_order': False, 'shape': ((2), +3)}",
      "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (2, 3)}  # a comment",
      "{'descr': '\\u003c\\1464', 'fortran_order': False, 'shape': (2 L, 3 L)}",
      "{'descr': '\\N{LESS-THAN SIGN}f\\N{Digit Four}', 'fortran_order': False, 'shape': (2, 3)}",
      "{'descr': '\\N{latin small letter F}', 'fortran\\N{LOW LINE}order': False, 'shape': (2,3)}",
      "{'descr': '>f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
  };
  for (const char* const header : spellings) {
    CAPTURE(header);
    for (const int version : {1, 2, 3}) {
      const auto path = folder.write("x.npy", npy(header, six_floats, version));
      CHECK(is_the_six(io::read_npy(path)));
    }
  }
}

TEST_CASE("headers that NumPy would refuse, or that cannot be meant, are refused with the reason") {
  const Folder folder;
  const auto with = [](const std::string& header) { return npy(header, six_floats); };
  const auto shape = [&](const std::string& text) {
    return refusal(folder, with("{'descr': '<f4', 'fortran_order': False, 'shape': " + text + "}"));
  };
  CHECK(contains(shape("(-1,)"), "negative"));
  CHECK(contains(shape("(-2, -3)"), "negative"));
  CHECK(contains(shape("6"), "no tuple"));
  CHECK(contains(shape("(6)"), "no tuple"));
  CHECK(contains(shape("[2, 3]"), "no tuple"));
  CHECK(contains(shape("('6',)"), "no integer"));
  CHECK(contains(shape("(2.0, 3)"), "no integer"));
  CHECK(contains(shape("(6e0,)"), "no integer"));
  CHECK(contains(shape("(9223372036854775807,)"), "too large"));
  CHECK(contains(shape("(9223372036854775808,)"), "too large"));
  CHECK(contains(shape("(99999999999999999999999999,)"), "too large"));
  CHECK(contains(shape("(4294967296, 4294967296)"), "too large"));
  CHECK(contains(shape("(4294967296, 4294967296, 0)"), "too large"));
  CHECK(contains(shape("(2, 3, 4611686018427387904, 4)"), "too large"));
  CHECK(contains(shape("(1000000000000,)"), "truncated"));
  CHECK(contains(shape("(2, 4)"), "truncated"));
  CHECK(contains(shape("(2, 2)"), "too long"));
  CHECK(contains(shape("(0,)"), "too long"));
  CHECK(contains(shape("(2, 3"), "end"));
  CHECK(contains(shape("(2, , 3)"), "literal"));
  CHECK(contains(shape("(2 3)"), "end"));
  CHECK(contains(shape("(02, 3)"), "leading zeros"));
  CHECK(contains(shape("(0_2, 3)"), "leading zeros"));
  CHECK(contains(shape("(2_, 3)"), "broken number"));
  CHECK(contains(shape("(2, 3) + (1,)"), "end"));
  CHECK(contains(shape("f(2)"), "unknown word"));
  CHECK(contains(shape(std::string(10000, '(')), "nested"));
  CHECK(contains(shape("(" + std::string(200, '1') + ",)"), "too large"));
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1, ";
  CHECK(contains(shape(many + ")"), "axes"));

  CHECK(contains(refusal(folder, with("{'descr': '<f4', 'fortran_order': False}")), "no 'shape'"));
  CHECK(contains(refusal(folder, with("{'descr': '<f4', 'shape': (2, 3)}")), "no 'fortran_order'"));
  CHECK(contains(refusal(folder, with("{'fortran_order': False, 'shape': (2, 3)}")), "no 'descr'"));
  CHECK(contains(refusal(folder, with("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}")),
                 "neither True nor False"));
  CHECK(contains(refusal(folder, with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), "
                                      "'more': 1}")),
                 "a key other than"));
  CHECK(contains(refusal(folder, with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), "
                                      "4: 1}")),
                 "a key other than"));
  CHECK(contains(refusal(folder, with("('descr', '<f4')")), "no dictionary"));
  CHECK(contains(refusal(folder, with("")), "early"));
  CHECK(contains(refusal(folder, with("{")), "early"));
  CHECK(contains(refusal(folder, with("{'descr': '<f4")), "without an end"));
  CHECK(
      contains(refusal(folder, with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x")),
               "after the dictionary"));
  CHECK(contains(refusal(folder, with(std::string("{'descr': '<f4'\0", 16))), "end"));
}

TEST_CASE("types that are no numbers of ours are refused by name") {
  const Folder folder;
  const auto type = [&](const std::string& descr) {
    return refusal(folder, npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': (2, 3)}",
                               six_floats));
  };
  CHECK(contains(type("'|O'"), "Python objects"));
  CHECK(contains(type("'O8'"), "Python objects"));
  CHECK(contains(type("'<c8'"), "complex"));
  CHECK(contains(type("'complex128'"), "complex"));
  CHECK(contains(type("[('a', '<f4'), ('b', '<i8')]"), "structured"));
  CHECK(contains(type("'<f4,<i4'"), "structured"));
  CHECK(contains(type("('<f4', (2,))"), "structured"));
  CHECK(contains(type("'|V4'"), "structured"));
  CHECK(contains(type("'<U3'"), "text"));
  CHECK(contains(type("'|S3'"), "text"));
  CHECK(contains(type("'<M8[ns]'"), "dates"));
  CHECK(contains(type("'<m8[s]'"), "dates"));
  CHECK(contains(type("'<f16'"), "extended precision"));
  CHECK(contains(type("'<f3'"), "unknown type"));
  CHECK(contains(type("'<i16'"), "unknown type"));
  CHECK(contains(type("'<float32'"), "unknown type"));  // an order goes before short names
  CHECK(contains(type("'\\n\\x1b[1mf4'"), "'??[1mf4' is an unknown type"));  // one line, no escapes
  CHECK(contains(type("'\\x80'"), "unknown type"));                          // '?' would be a bool
  CHECK(contains(type("'\\N{SNOWMAN}f4'"), "by a name that no key"));
  CHECK(contains(type("'\\N{LATIN SMALL LETTER }4'"), "by a name that no key"));
  CHECK(contains(type("'\\N{}f4'"), "by a name that no key"));
  CHECK(contains(type("'\\N f4'"), "broken escape"));
  // One line, of what every terminal can show.
  CHECK(contains(type("'\xc3\xa9\xe9\xc2\x9b[1m'"), "'\xc3\xa9??[1m' is an unknown type"));
  CHECK(contains(type("''"), "empty dtype"));
  CHECK(contains(type("3"), "no text"));
  CHECK(contains(type("None"), "no text"));
}

TEST_CASE("damaged files are refused: cut at every offset, longer, of other versions") {
  const Folder folder;
  const std::string whole =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n", six_floats);
  CHECK(is_the_six(io::read_npy(folder.write("x.npy", whole))));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(refusal(folder, whole.substr(0, length)).empty());
  }
  CHECK(contains(refusal(folder, whole + '\0'), "too long"));
  CHECK(contains(refusal(folder, whole + whole), "too long"));
  for (const char version : {'\0', '\x04', '\x7f', '\xff'}) {
    std::string other = whole;
    other[6] = version;
    CHECK(contains(refusal(folder, other), "version"));
  }
  std::string minor = whole;
  minor[7] = 1;
  CHECK(contains(refusal(folder, minor), "version"));
  // A header said to be 4 GiB long must not be asked for.
  CHECK(contains(refusal(folder, "\x93NUMPY\x02" + std::string(1, '\0') + "\xff\xff\xff\xff{"),
                 "at most"));
  CHECK(contains(refusal(folder, std::string("\x80\x04\x95", 3) + "pickle"), "pickle"));
  CHECK(contains(message_of([&] { io::read_npy(folder.path / "absent.npy"); }), "No such file"));
  CHECK(contains(message_of([&] { io::read_npy("/dev/zero"); }), "not a regular file"));
}

TEST_CASE("every flipped bit of a header is refused or leaves a legal array") {
  const Folder folder;
  const std::string whole =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n", six_floats);
  for (std::size_t bit = 0; bit < (whole.size() - six_floats.size()) * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const auto path = folder.write("x.npy", flipped);
    std::size_t bytes = 0;
    try {
      bytes = io::read_npy(path).bytes();
    } catch (const Error&) {
    }
    CHECK(bytes <= 2 * six_floats.size());  // twice: as float16
  }
}

TEST_CASE("arrays made by NumPy are read exactly: types, byte orders, layouts, shapes") {
  const Folder folder;
  python(folder, R"(
rng = np.random.default_rng(0)
names = ['bool', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8']
shapes = [(), (1,), (7,), (0,), (3, 5), (1, 9), (4, 0, 2), (3, 4, 5), (33, 70), (2, 3, 4, 5), (1, 1, 1, 1, 6), (65, 2, 3, 40)]
count = 0
for name in names:
    for shape in shapes:
        raw = rng.integers(0, 256, size=(int(np.prod(shape)), 8), dtype=np.uint8)
        if name == 'bool':
            plain = (raw[:, 0] & 1).astype(bool).reshape(shape)
        elif name[0] == 'f':
            plain = (raw.view('<i8')[:, 0] / 2.0 ** 55).astype(name).reshape(shape)
        else:
            plain = raw[:, :np.dtype(name).itemsize].copy().view(name)[:, 0].reshape(shape)
        expected = plain.astype('f4') if name == 'f2' else plain
        for order in '<>':
            for layout in 'CF':
                array = np.asarray(plain.astype(plain.dtype.newbyteorder(order)), order=layout)
                for version in [(1, 0), (2, 0), (3, 0)]:
                    with open(f'{count:05d}.npy', 'wb') as file:
                        np.lib.format.write_array(file, array, version=version)
                    np.ascontiguousarray(expected).reshape(shape).tofile(f'{count:05d}.raw')
                    with open(f'{count:05d}.txt', 'w') as file:
                        file.write(f'{expected.dtype} {list(shape)}')
                    count += 1
)");
  std::size_t count = 0;
  for (;; ++count) {
    std::string number = std::to_string(count);
    number.insert(0, 5 - number.size(), '0');
    const auto path = folder.path / (number + ".npy");
    if (!std::filesystem::exists(path)) break;
    const Tensor tensor = io::read_npy(path);
    const std::string expected = bytes_of(folder.path / (number + ".txt"));
    REQUIRE(std::string(dtype_name(tensor.dtype())) + " " + to_string(tensor.shape()) == expected);
    const std::string raw = bytes_of(folder.path / (number + ".raw"));
    REQUIRE(raw.size() == tensor.bytes());
    CHECK(std::memcmp(raw.data(), tensor.raw(), raw.size()) == 0);
  }
  CHECK(count == 12 * 12 * 2 * 2 * 3);
}

TEST_CASE("float16 is kept bit for bit on request") {
  const Folder folder;
  std::string all;
  for (unsigned bits = 0; bits < 0x10000; ++bits) all += little(static_cast<std::uint16_t>(bits));
  const auto path = folder.write(
      "h.npy", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (65536,)}", all));
  const Tensor kept = io::read_npy(path, io::Float16::keep);
  REQUIRE(kept.dtype() == DType::float16);
  CHECK(std::memcmp(kept.raw(), all.data(), all.size()) == 0);
  CHECK(io::read_npy(path).dtype() == DType::float32);
  io::write_npy(folder.path / "again.npy", kept);
  CHECK(bytes_of(folder.path / "again.npy").substr(128) == all);
}

TEST_CASE("a byte in a bool array is true if it is not zero") {
  const Folder folder;
  const auto path =
      folder.write("b.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}",
                                std::string("\x00\x01\x02\xff", 4)));
  const Tensor tensor = io::read_npy(path);
  CHECK(tensor.span<bool>()[0] == false);
  CHECK(tensor.span<bool>()[1] == true);
  CHECK(tensor.span<bool>()[2] == true);
  CHECK(static_cast<const unsigned char*>(tensor.raw())[3] == 1);
}

TEST_CASE("what is written is what numpy.save writes") {
  const Folder folder;
  const Shape shapes[] = {
      {}, {5}, {0}, {2, 3}, {1, 1, 1}, {3, 0, 2}, {2, 2, 2, 2, 2, 2, 2, 2}, {100000, 1}};
  const DType types[] = {DType::boolean, DType::int8,    DType::int16,   DType::int32,
                         DType::int64,   DType::uint8,   DType::uint16,  DType::uint32,
                         DType::uint64,  DType::float16, DType::float32, DType::float64};
  int count = 0;
  for (const Shape& shape : shapes) {
    for (const DType dtype : types) {
      Tensor tensor = zeros(shape, dtype);
      auto* const bytes = static_cast<unsigned char*>(tensor.mutable_raw());
      for (std::size_t i = 0; i < tensor.bytes(); ++i) {
        bytes[i] = static_cast<unsigned char>(dtype == DType::boolean ? i % 2 : i * 7 % 100);
      }
      io::write_npy(folder.path / (std::to_string(count++) + ".npy"), tensor);
    }
  }
  python(folder, R"(
for name in os.listdir('.'):
    if not name.endswith('.npy'):
        continue
    array = np.load(name, allow_pickle=False)
    file = io.BytesIO()
    np.save(file, array)
    assert file.getvalue() == open(name, 'rb').read(), name
    data = np.frombuffer(array.tobytes(), np.uint8)
    index = np.arange(data.size)
    assert np.array_equal(data, index % 2 if array.dtype == bool else index * 7 % 100), name
)");
}

TEST_CASE("a tensor of more axes than NumPy holds is refused, and nothing is left behind") {
  const Folder folder;
  const Tensor tensor = zeros(Shape(33, 1));
  CHECK(contains(message_of([&] { io::write_npy(folder.path / "x.npy", tensor); }), "33 axes"));
  CHECK(folder.names().empty());
}
