#include "common/csv_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "common/command_line.hpp"
#include "mnemo/core/error.hpp"

namespace examples {
namespace {

std::string read_all(const std::filesystem::path& path, int descriptor) {
  std::string text;
  char chunk[65536];
  for (;;) {
    const ssize_t got = ::read(descriptor, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, errno);
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
  }
}

/// Where the rows that are to stay end, and how many they are.
struct Kept {
  std::size_t bytes;
  std::int64_t rows;
};

Kept rows_up_to(const std::string& text, std::size_t begin, std::int64_t step) {
  Kept kept{begin, 0};
  std::int64_t last = 0;
  for (;;) {
    const std::size_t end = text.find('\n', kept.bytes);
    if (end == std::string::npos) return kept;
    std::int64_t row_step = 0;
    const char* const first = text.data() + kept.bytes;
    const auto [stopped, error] = std::from_chars(first, text.data() + end, row_step);
    if (error != std::errc{} || *stopped != ',' || row_step <= last || row_step > step) return kept;
    last = row_step;
    kept = {end + 1, kept.rows + 1};
  }
}

}  // namespace

CsvLog::CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
               std::int64_t step)
    : path_(path) {
  std::string header = "step";
  for (const std::string& column : columns) header += "," + column;
  header += "\n";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor_ < 0) fail(path_, errno);
  try {
    open_at(header, step);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

CsvLog::~CsvLog() { ::close(descriptor_); }

void CsvLog::open_at(const std::string& header, std::int64_t step) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail(path_, errno);
  if (!S_ISREG(status.st_mode)) throw mnemo::Error(path_.string() + ": not a regular file");
  const std::string text = read_all(path_, descriptor_);
  Kept kept{0, 0};
  if (text.starts_with(header)) {
    kept = rows_up_to(text, header.size(), step);
  } else if (!header.starts_with(text)) {  // neither empty nor cut off inside its header
    throw mnemo::Error(path_.string() + ": begins with \"" + text.substr(0, text.find('\n')) +
                       "\", expected \"" + header.substr(0, header.size() - 1) +
                       "\"; move the file away");
  }
  if (::ftruncate(descriptor_, static_cast<off_t>(kept.bytes)) != 0) fail(path_, errno);
  if (kept.bytes == 0) write(header);
  missing_ = step - kept.rows;
}

void CsvLog::add(std::int64_t step, std::span<const float> values) {
  std::string row = std::to_string(step);
  for (const float value : values) {
    char digits[32];
    row += ',';
    row.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  write(row + '\n');
}

void CsvLog::sync() {
  if (::fdatasync(descriptor_) != 0) fail(path_, errno);
}

void CsvLog::write(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(descriptor_, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, errno);
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace examples
