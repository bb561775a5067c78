#include "mnemo/io/detail/npy_format.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <memory_resource>
#include <optional>
#include <string_view>

#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/detail/strided.hpp"
#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/python_literal.hpp"
#include "mnemo/io/detail/shown.hpp"

namespace mnemo::detail {
namespace {

static_assert(std::endian::native == std::endian::little, "the elements are written as they are");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t most_axes_read = 64;     // NumPy 2's limit
constexpr std::size_t most_axes_written = 32;  // what NumPy 1 can still read
constexpr std::size_t alignment = 64;

unsigned byte(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

struct TypeName {
  std::string_view name;
  DType dtype;
};
// What numpy.dtype takes beside a byte order with kind and size: its names, C's, and letters. long is
// 64 bits wide on every system that this library runs on.
constexpr TypeName type_names[] = {
    {"bool", DType::boolean},    {"bool_", DType::boolean},    {"bool8", DType::boolean},
    {"?", DType::boolean},       {"int8", DType::int8},        {"byte", DType::int8},
    {"b", DType::int8},          {"int16", DType::int16},      {"short", DType::int16},
    {"h", DType::int16},         {"int32", DType::int32},      {"intc", DType::int32},
    {"i", DType::int32},         {"int64", DType::int64},      {"int", DType::int64},
    {"int_", DType::int64},      {"intp", DType::int64},       {"longlong", DType::int64},
    {"long", DType::int64},      {"l", DType::int64},          {"q", DType::int64},
    {"p", DType::int64},         {"uint8", DType::uint8},      {"ubyte", DType::uint8},
    {"B", DType::uint8},         {"uint16", DType::uint16},    {"ushort", DType::uint16},
    {"H", DType::uint16},        {"uint32", DType::uint32},    {"uintc", DType::uint32},
    {"I", DType::uint32},        {"uint64", DType::uint64},    {"uint", DType::uint64},
    {"uintp", DType::uint64},    {"ulonglong", DType::uint64}, {"ulong", DType::uint64},
    {"L", DType::uint64},        {"Q", DType::uint64},         {"P", DType::uint64},
    {"float16", DType::float16}, {"half", DType::float16},     {"e", DType::float16},
    {"float32", DType::float32}, {"single", DType::float32},   {"f", DType::float32},
    {"float64", DType::float64}, {"double", DType::float64},   {"float", DType::float64},
    {"float_", DType::float64},  {"d", DType::float64},        {"b1", DType::boolean},
    {"i1", DType::int8},         {"i2", DType::int16},         {"i4", DType::int32},
    {"i8", DType::int64},        {"u1", DType::uint8},         {"u2", DType::uint16},
    {"u4", DType::uint32},       {"u8", DType::uint64},        {"f2", DType::float16},
    {"f4", DType::float32},      {"f8", DType::float64},       {"n", DType::int64},
    {"int0", DType::int64},      {"N", DType::uint64},         {"uint0", DType::uint64},
};

/// The type of what follows the byte order, if one is given; then it is a letter, or kind and size.
std::optional<DType> find_type(std::string name, bool has_order) {
  if (name.size() > 2 && name.find_first_not_of("0123456789", 1) == std::string::npos) {
    name.erase(1, std::min(name.find_first_not_of('0', 1), name.size() - 1) - 1);  // f04 is f4
  }
  if (has_order && name.size() > 2) return std::nullopt;
  for (const TypeName& type : type_names) {
    if (type.name == name) return type.dtype;
  }
  return std::nullopt;
}

/// What a dtype that is refused is called.
std::string_view refused_kind(std::string_view name) {
  if (name.empty()) return "an empty dtype";
  if (name.find_first_of(",()") != std::string_view::npos) return "a structured type";
  if (name.starts_with("object")) return "Python objects, which only unpickling could read";
  if (name.starts_with("complex") || name == "F" || name == "D" || name == "G")
    return "complex numbers";
  if (name.starts_with("datetime") || name.starts_with("timedelta")) return "dates or times";
  if (name.starts_with("str") || name.starts_with("unicode")) return "text";
  if (name.starts_with("void")) return "a structured type";
  if (name == "f16" || name == "f12" || name == "g" || name.starts_with("longdouble") ||
      name == "float128") {
    return "extended precision";
  }
  switch (name.front()) {
    case 'O': return "Python objects, which only unpickling could read";
    case 'c': return name == "c" ? "text" : "complex numbers";
    case 'U': return "text";
    case 'S':
    case 'a': return "text (bytes)";
    case 'V': return "a structured type";
    case 'M':
    case 'm': return "dates or times";
    default: return "an unknown type";
  }
}

void read_descr(const Literal& literal, NpyHeader& header) {
  const std::string* const text = literal.as<std::string>();
  if (!text) {
    const bool fields = literal.as<Literal::List>() || literal.as<Literal::Dict>();
    fail("the dtype is ", fields || literal.as<Literal::Tuple>() ? "a structured type" : "no text",
         "; only bool, integers, float16, float32 and float64 can be read");
  }
  std::string_view name = *text;
  const bool has_order =
      !name.empty() && std::string_view("<>|=").find(name.front()) != std::string_view::npos;
  const char order = has_order ? name.front() : '=';
  if (has_order) name.remove_prefix(1);
  const std::optional<DType> dtype = find_type(std::string(name), has_order);
  if (!dtype) {
    fail("the dtype '", shown(*text), "' is ", refused_kind(name),
         "; only bool, integers, float16, float32 and float64 can be read");
  }
  header.dtype = *dtype;
  header.swapped = order == '>' && item_size(*dtype) > 1;
}

void read_shape(const Literal& literal, NpyHeader& header) {
  const auto* const tuple = literal.as<Literal::Tuple>();
  if (!tuple) fail("the shape is no tuple");
  if (tuple->items.size() > most_axes_read) {
    fail("the shape has ", tuple->items.size(), " axes; at most ", most_axes_read, " can be read");
  }
  header.shape = Shape(tuple->items.size(), 0);
  bool empty = false;
  // Empty axes are left out of the product, as NumPy does: the other lengths must make sense too.
  std::uint64_t bytes = item_size(header.dtype);
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (std::size_t axis = 0; axis < tuple->items.size(); ++axis) {
    const auto* const length = tuple->items[axis].as<Literal::Integer>();
    if (!length) fail("the shape's length ", axis, " is no integer");
    if (!length->overflow && length->value < 0) {
      fail("the shape has the negative length ", length->value);
    }
    const auto count = static_cast<std::uint64_t>(length->value);
    if (length->overflow || (count != 0 && bytes > most / count)) {
      fail("the shape is too large for any memory");
    }
    empty |= count == 0;
    if (count != 0) bytes *= count;
    header.shape[axis] = length->value;
  }
  header.data_bytes = empty ? 0 : bytes;
}

/// Whether Fortran order differs from C order for this shape.
bool is_transposed(const NpyHeader& header) {
  std::size_t long_axes = 0;
  for (const std::int64_t length : header.shape) long_axes += length > 1;
  return header.fortran_order && long_axes > 1 && header.data_bytes > 0;
}

template <class Word>
Word swapped(Word word) {
  if constexpr (sizeof(Word) == 2) return static_cast<Word>(__builtin_bswap16(word));
  if constexpr (sizeof(Word) == 4) return __builtin_bswap32(word);
  if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
}

constexpr std::int64_t grain = 1 << 18;

template <class Word>
void swap_bytes(const Tensor& tensor) {
  auto* const data = static_cast<Word*>(tensor.mutable_raw());
  parallel_range(tensor.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) data[i] = swapped(data[i]);
  });
}

/// Any byte but 0 and 1 would be undefined behaviour in a bool; to NumPy it is true.
void normalize_bools(const Tensor& tensor) {
  auto* const data = static_cast<unsigned char*>(tensor.mutable_raw());
  parallel_range(tensor.elements(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) data[i] = data[i] != 0;
  });
}

/// C order from Fortran order.
void transpose(const Shape& shape, const Tensor& from, const Tensor& to) {
  std::vector<StridedAxis> axes;
  axes.reserve(shape.size());
  std::int64_t from_stride = 1;
  std::int64_t to_stride = to.elements();
  for (const std::int64_t length : shape) {
    to_stride /= length;
    axes.push_back({length, from_stride, to_stride});
    from_stride *= length;
  }
  copy_strided(item_size(to.dtype()), std::move(axes), from.raw(), to.mutable_raw());
}

}  // namespace

bool is_npy(std::span<const std::byte> start) {
  return start.size() >= magic.size() && std::memcmp(start.data(), magic.data(), magic.size()) == 0;
}

std::size_t npy_header_size(std::span<const std::byte> start) {
  const auto need = [&](std::size_t count) {
    if (start.size() < count) fail("ends within the header; it is truncated");
  };
  need(10);
  const unsigned major = byte(start, 6);
  const unsigned minor = byte(start, 7);
  if (major < 1 || major > 3 || minor != 0) {
    fail(".npy version ", major, ".", minor, "; only 1.0, 2.0 and 3.0 can be read");
  }
  std::size_t length = byte(start, 8) | byte(start, 9) << 8;
  if (major == 1) return 10 + length;
  need(npy_start_bytes);
  length |= static_cast<std::size_t>(byte(start, 10)) << 16;
  length |= static_cast<std::size_t>(byte(start, 11)) << 24;
  if (length > npy_most_header_bytes) {
    fail("a header of ", length, " bytes; at most ", npy_most_header_bytes, " can be read");
  }
  return 12 + length;
}

NpyHeader parse_npy_header(std::span<const std::byte> bytes) {
  const std::size_t size = npy_header_size(bytes);
  if (bytes.size() < size) fail("ends within the header; it is truncated");
  const std::size_t start = byte(bytes, 6) == 1 ? 10 : 12;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, size - start);
  std::array<std::byte, 2048> memory;  // what a usual header's literal takes
  std::pmr::monotonic_buffer_resource resource(memory.data(), memory.size());
  const Literal literal = parse_literal(text, resource);
  const auto* const dict = literal.as<Literal::Dict>();
  if (!dict) fail("the header is no dictionary");

  const Literal* descr = nullptr;
  const Literal* order = nullptr;
  const Literal* shape = nullptr;
  for (const auto& [key, value] : dict->items) {
    const std::string* const name = key.as<std::string>();
    const Literal** const place = !name                      ? nullptr
                                  : *name == "descr"         ? &descr
                                  : *name == "fortran_order" ? &order
                                  : *name == "shape"         ? &shape
                                                             : nullptr;
    if (!place) fail("the header has a key other than descr, fortran_order and shape");
    *place = &value;  // of equal keys, Python takes the last one
  }
  if (!descr || !order || !shape) {
    fail("the header has no '", !descr ? "descr" : !order ? "fortran_order" : "shape", "'");
  }
  NpyHeader header;
  header.header_bytes = static_cast<std::uint32_t>(size);
  if (!order->as<bool>()) fail("fortran_order is neither True nor False");
  header.fortran_order = *order->as<bool>();
  read_descr(*descr, header);
  read_shape(*shape, header);
  return header;
}

std::string make_npy_header(const Shape& shape, DType dtype, const std::string& where) {
  if (shape.rank() > most_axes_written) {
    fail(where, ": a tensor of ", shape.rank(), " axes; NumPy holds at most ", most_axes_written);
  }
  std::string kind(1, item_size(dtype) == 1 ? '|' : '<');
  kind += dtype == DType::boolean   ? 'b'
          : dtype >= DType::float16 ? 'f'
          : dtype >= DType::uint8   ? 'u'
                                    : 'i';
  kind += static_cast<char>('0' + item_size(dtype));
  std::string header = text("{'descr': '", kind, "', 'fortran_order': False, 'shape': (");
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) header += ' ';
    append(header, shape[axis]);
    if (axis + 1 < shape.rank() || shape.rank() == 1) header += ',';
  }
  header += "), }";
  // NumPy leaves room for the first axis (the last, in Fortran order) to grow to 21 digits.
  if (!shape.empty()) header.append(21 - text(shape[0]).size(), ' ');
  constexpr std::size_t before = 10;
  const std::size_t length = header.size() + 1;
  header.append((alignment - (before + length) % alignment), ' ');
  header += '\n';
  std::string whole(magic);
  whole += {'\x01', '\x00'};
  whole += static_cast<char>(header.size() & 0xFF);
  whole += static_cast<char>(header.size() >> 8);
  return whole + header;
}

Shape raw_shape(const NpyHeader& header) {
  Shape shape = header.shape;
  if (header.fortran_order) std::reverse(shape.begin(), shape.end());
  return shape;
}

Tensor decode_npy(const NpyHeader& header, Tensor raw) {
  if (header.dtype == DType::boolean) normalize_bools(raw);
  if (header.swapped) {
    switch (item_size(header.dtype)) {
      case 2: swap_bytes<std::uint16_t>(raw); break;
      case 4: swap_bytes<std::uint32_t>(raw); break;
      default: swap_bytes<std::uint64_t>(raw);
    }
  }
  if (!is_transposed(header)) {
    if (raw.shape() == header.shape) return raw;
    return Tensor(raw.storage(), header.shape, header.dtype);
  }
  Tensor result(header.shape, header.dtype);
  transpose(header.shape, raw, result);
  return result;
}

}  // namespace mnemo::detail
