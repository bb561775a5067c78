#include "mnemo/io/detail/inflater.hpp"

#include <algorithm>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/arrays.hpp"
#include "mnemo/io/detail/crc.hpp"

namespace mnemo::detail {
namespace {

constexpr std::size_t input_bytes = 64 * 1024;
constexpr std::size_t output_bytes = 256 * 1024;  // stays in the cache until its CRC is taken

}  // namespace

Inflater::~Inflater() { inflateEnd(&stream_); }

template <class... Parts>
void Inflater::bad(const Parts&... parts) const {
  fail(array_->where(), ": damaged (", parts..., ")");
}

void Inflater::start(const InputFile& file, const StoredArray& array) {
  file_ = &file;
  array_ = &array;
  at_ = array.begin;
  left_ = array.packed;
  crc_ = 0;
  ended_ = false;
  stream_.avail_in = 0;
  input_.resize(input_bytes);
  if ((stream_.state ? inflateReset(&stream_) : inflateInit2(&stream_, -MAX_WBITS)) != Z_OK) {
    fail(array.where(), ": zlib could not start");
  }
}

void Inflater::read(void* target, std::size_t count) {
  auto* to = static_cast<unsigned char*>(target);
  while (count > 0) {
    const std::size_t done = step(to, std::min(count, output_bytes));
    if (done == 0 && ended_) bad("it unpacks to fewer bytes than it says");
    crc_ = crc32(std::as_bytes(std::span(to, done)), crc_);
    to += done;
    count -= done;
  }
}

void Inflater::skip(std::size_t count) {
  std::byte passed[1024];
  for (; count > sizeof passed; count -= sizeof passed) read(passed, sizeof passed);
  read(passed, count);
}

std::size_t Inflater::step(unsigned char* target, std::size_t count) {
  if (ended_) return 0;
  if (stream_.avail_in == 0 && left_ > 0) {
    const std::size_t got = std::min<std::uint64_t>(left_, input_.size());
    file_->read_at(at_, input_.data(), got);
    at_ += got;
    left_ -= got;
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(got);
  }
  const uInt had = stream_.avail_in;
  stream_.next_out = target;
  stream_.avail_out = static_cast<uInt>(count);
  const int status = ::inflate(&stream_, Z_NO_FLUSH);
  const std::size_t made = count - stream_.avail_out;
  ended_ = status == Z_STREAM_END;
  if (!ended_ && status != Z_OK && status != Z_BUF_ERROR) {
    bad(stream_.msg ? stream_.msg : "zlib refuses it");
  }
  // Every call makes progress, or there is nothing more to make it with.
  if (!ended_ && made == 0 && had == stream_.avail_in && left_ == 0) {
    bad("the deflated data ends early");
  }
  return made;
}

void Inflater::expect_end() {
  unsigned char extra;
  while (!ended_) {
    if (step(&extra, 1) > 0) bad("it unpacks to more bytes than it says");
  }
  if (left_ > 0 || stream_.avail_in > 0) {
    bad("the deflated data ends before its place in the archive does");
  }
}

}  // namespace mnemo::detail
