#include "common/data.hpp"

#include <cstring>

#include "common/synthetic.hpp"

namespace examples {
namespace {

/// One step of FNV-1a, on 64 bits at a time, with the high bits folded back so that they count too.
std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x100000001b3ULL;
  return hash ^ hash >> 29;
}

}  // namespace

mnemo::io::ImageSet load_images(const std::string& data) {
  if (data == "synthetic") return synthetic_shapes();
  try {
    return mnemo::io::read_fashion_mnist(data);
  } catch (const mnemo::Error& error) {
    throw mnemo::Error(std::string(error.what()) +
                       "; or use --data synthetic, which needs no files");
  }
}

std::uint64_t fingerprint(const mnemo::Tensor& tensor) {
  std::uint64_t hash = mix(0xcbf29ce484222325ULL, static_cast<std::uint64_t>(tensor.dtype()));
  for (const std::int64_t length : tensor.shape()) {
    hash = mix(hash, static_cast<std::uint64_t>(length));
  }
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  const std::size_t tail = tensor.bytes() % sizeof(std::uint64_t);
  const auto* const end = bytes + tensor.bytes();
  std::uint64_t word = 0;
  for (; bytes != end - tail; bytes += sizeof word) {
    std::memcpy(&word, bytes, sizeof word);
    hash = mix(hash, word);
  }
  if (tail > 0) {
    word = 0;
    std::memcpy(&word, bytes, tail);
    hash = mix(hash, word);
  }
  return hash;
}

}  // namespace examples
