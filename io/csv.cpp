#include "mnemo/io/csv.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "mnemo/core/detail/text.hpp"
#include "mnemo/io/detail/file.hpp"
#include "mnemo/io/detail/shown.hpp"

namespace mnemo::io {
namespace {

using detail::fail;

constexpr std::size_t chunk_bytes = 256 * 1024;
constexpr std::size_t most_cell_bytes = 64 * 1024;
constexpr std::size_t most_columns = 100'000;
constexpr int end_of_file = -1;

enum class After { cell, line, file };  // what a cell was ended by

/// The cells of a file, one after the other.
class Cells {
 public:
  Cells(const std::filesystem::path& path, char separator) : file_(path), separator_(separator) {
    if (separator == '"' || separator == '\n' || separator == '\r' || separator == '\0') {
      fail("read_csv: the separator cannot be a quote or an end of line");
    }
    refill();
    if (size_ >= 3 && std::memcmp(buffer_.data(), "\xEF\xBB\xBF", 3) == 0) at_ = 3;
  }

  const std::string& name() const { return file_.name(); }
  /// The line that the cell read last began in, counted from 1.
  std::uint64_t line() const { return cell_line_; }
  bool at_end() { return peek() == end_of_file; }

  After next(std::string& cell) {
    cell.clear();
    skip_blanks();
    cell_line_ = line_;
    const bool quoted = peek() == '"';
    if (quoted) read_quoted(cell);
    for (;;) {
      const int c = get();
      if (c == separator_) return trimmed(cell, quoted, After::cell);
      if (c == end_of_file) return trimmed(cell, quoted, After::file);
      if (c == '\n' || c == '\r') {
        if (c == '\r' && peek() == '\n') get();
        ++line_;
        return trimmed(cell, quoted, After::line);
      }
      if (!quoted) {
        append(cell, c);
      } else if (!is_blank(c)) {
        fail(name(), ": line ", line_, ": a quoted cell goes on behind its closing quote");
      }
    }
  }

 private:
  bool is_blank(int c) const { return (c == ' ' || c == '\t') && c != separator_; }

  void skip_blanks() {
    while (is_blank(peek())) get();
  }

  void read_quoted(std::string& cell) {
    get();
    for (;;) {
      const int c = get();
      if (c == end_of_file) {
        fail(name(), ": line ", cell_line_, ": a quote is opened and never closed");
      }
      if (c == '"' && peek() != '"') return;
      if (c == '"') get();
      if (c == '\n') ++line_;
      append(cell, c);
    }
  }

  void append(std::string& cell, int c) const {
    if (c == '\0') fail(name(), ": line ", line_, ": a zero byte; this is no text in UTF-8");
    if (cell.size() == most_cell_bytes) {
      fail(name(), ": line ", cell_line_, ": a cell of more than ", most_cell_bytes, " bytes");
    }
    cell += static_cast<char>(c);
  }

  After trimmed(std::string& cell, bool quoted, After after) const {
    while (!quoted && !cell.empty() && is_blank(cell.back())) cell.pop_back();
    return after;
  }

  int peek() {
    if (at_ == size_) refill();
    return at_ < size_ ? static_cast<unsigned char>(buffer_[at_]) : end_of_file;
  }

  int get() {
    const int c = peek();
    if (c != end_of_file) ++at_;
    return c;
  }

  void refill() {
    at_ = 0;
    size_ = std::min<std::uint64_t>(chunk_bytes, file_.size() - read_);
    buffer_.resize(size_);
    if (size_ > 0) file_.read_at(read_, buffer_.data(), size_);
    read_ += size_;
  }

  detail::InputFile file_;
  int separator_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t line_ = 1;
  std::uint64_t cell_line_ = 1;
};

/// One column as it grows: int64 as long as it can be.
struct Column {
  std::string name;
  bool wanted = true;
  bool whole = true;
  std::vector<std::uint64_t> bits = {};  // of an int64 or a double

  void add(double number) {
    if (whole) {
      whole = false;
      for (std::uint64_t& b : bits) {
        b = std::bit_cast<std::uint64_t>(static_cast<double>(static_cast<std::int64_t>(b)));
      }
    }
    bits.push_back(std::bit_cast<std::uint64_t>(number));
  }
  void add(std::int64_t number) {
    if (!whole) return add(static_cast<double>(number));
    bits.push_back(static_cast<std::uint64_t>(number));
  }

  Tensor tensor() {
    Tensor result({static_cast<std::int64_t>(bits.size())}, whole ? DType::int64 : DType::float64);
    if (!bits.empty()) std::memcpy(result.mutable_raw(), bits.data(), result.bytes());
    bits = {};
    return result;
  }
};

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::string list = "; there are";
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    list += (i > 0 ? ", '" : " '") + detail::shown(names[i]) + "'";
  }
  return list + (names.size() > most ? ", ..." : "");
}

bool is_missing(const std::string& cell) {
  constexpr std::string_view words[] = {"",    "NA",   "N/A",  "n/a",  "NaN", "nan",
                                        "NAN", "null", "NULL", "None", "#N/A"};
  return std::find(std::begin(words), std::end(words), cell) != std::end(words);
}

template <class Number>
std::errc parse(std::string_view text, Number& number) {
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && stopped != text.data() + text.size() ? std::errc::invalid_argument
                                                                      : error;
}

/// The number in `text`, rounded to float64; nothing if it is none or too large.
std::optional<double> real_number(std::string_view text) {
  double number = 0;
  std::errc error = parse(text, number);
  if (error == std::errc::result_out_of_range) {  // which one: too large, or so small that it is 0?
    long double wide = 0;
    error = parse(text, wide);
    if (std::fabs(wide) > std::numeric_limits<double>::max()) return std::nullopt;
    number = static_cast<double>(wide);
  }
  if (error != std::errc{} || std::isnan(number)) return std::nullopt;
  return number;
}

class Table {
 public:
  Table(const std::filesystem::path& path, const CsvOptions& options)
      : options_(options), cells_(path, options.separator) {
    if (cells_.at_end()) fail(cells_.name(), ": is empty; a table was expected");
    read_first_line();
    choose();
    while (!cells_.at_end()) read_line();
  }

  CsvTable finish() {
    CsvTable table;
    for (const std::size_t index : order_) {
      table.names.push_back(columns_[index].name);
      table.columns.push_back(columns_[index].tensor());
    }
    return table;
  }

 private:
  void read_first_line() {
    std::vector<std::string> first;
    for (After after = After::cell; after == After::cell;) {
      if (first.size() == most_columns)
        fail(cells_.name(), ": more than ", most_columns, " columns");
      after = cells_.next(first.emplace_back());
    }
    const std::uint64_t line = cells_.line();
    for (std::size_t i = 0; i < first.size(); ++i) {
      const bool named = options_.header && !first[i].empty();
      std::string name = named ? first[i] : std::to_string(i);
      const auto [there, is_new] = places_.emplace(name, i);
      if (!is_new) {
        fail(cells_.name(), ": line ", line, ": columns ", there->second + 1, " and ", i + 1,
             " have the same name, '", detail::shown(name), "'");
      }
      columns_.push_back({.name = std::move(name)});
    }
    if (!options_.header) {
      for (std::size_t i = 0; i < first.size(); ++i) add(columns_[i], i, first[i], line);
    }
  }

  void choose() {
    if (options_.columns.empty()) {
      for (std::size_t i = 0; i < columns_.size(); ++i) order_.push_back(i);
      return;
    }
    for (Column& column : columns_) column.wanted = false;
    for (const std::string& name : options_.columns) {
      const auto place = places_.find(name);
      if (place == places_.end()) {
        std::vector<std::string> names;
        for (const Column& column : columns_) names.push_back(column.name);
        fail(cells_.name(), ": no column is called '", name, "'", listed(names));
      }
      order_.push_back(place->second);
      columns_[place->second].wanted = true;
    }
  }

  void read_line() {
    std::size_t count = 0;
    std::uint64_t line = 0;
    for (After after = After::cell; after == After::cell; ++count) {
      after = cells_.next(cell_);
      if (count == 0) line = cells_.line();
      if (count == 0 && after != After::cell && cell_.empty()) return;  // an empty line
      if (count == columns_.size()) {
        fail(cells_.name(), ": line ", line, ": more than ", count,
             " cells, which the first line has");
      }
      add(columns_[count], count, cell_, cells_.line());
    }
    if (count != columns_.size()) {
      fail(cells_.name(), ": line ", line, ": ", count, " cells, expected ", columns_.size(),
           ", as in the first line");
    }
  }

  void add(Column& column, std::size_t index, const std::string& cell, std::uint64_t line) const {
    if (!column.wanted) return;
    std::string_view text = cell;
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    std::int64_t whole = 0;
    if (parse(text, whole) == std::errc{}) return column.add(whole);
    if (const auto number = real_number(text)) return column.add(*number);
    const bool missing = is_missing(cell);
    if (missing && options_.missing == Missing::nan) {
      return column.add(std::numeric_limits<double>::quiet_NaN());
    }
    fail(cells_.name(), ": line ", line, ", column ", index + 1, " (", detail::shown(column.name),
         "): '", detail::shown(cell), "' ",
         missing ? "where a number was expected (Missing::nan allows it)"
                 : "is no number, or none that float64 can hold");
  }

  const CsvOptions& options_;
  Cells cells_;
  std::vector<Column> columns_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<std::size_t> order_;
  std::string cell_;
};

}  // namespace

const Tensor& CsvTable::at(std::string_view name) const {
  const auto place = std::find(names.begin(), names.end(), name);
  if (place == names.end()) {
    fail("CsvTable: no column is called '", name, "'", listed(names));
  }
  return columns[static_cast<std::size_t>(place - names.begin())];
}

Tensor CsvTable::matrix(const std::vector<std::string>& chosen, DType dtype) const {
  std::vector<Tensor> parts = chosen.empty() ? columns : std::vector<Tensor>();
  for (const std::string& name : chosen) parts.push_back(at(name));
  const auto width = static_cast<std::int64_t>(parts.size());
  const Tensor result({rows(), width}, DType::float64);
  double* const target = result.mutable_data<double>();
  for (std::int64_t i = 0; i < width; ++i) {
    const Tensor column = cast(parts[static_cast<std::size_t>(i)], DType::float64);
    const double* const source = column.data<double>();
    for (std::int64_t row = 0; row < rows(); ++row) target[row * width + i] = source[row];
  }
  return cast(result, dtype);
}

CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return Table(path, options).finish();
}

}  // namespace mnemo::io
