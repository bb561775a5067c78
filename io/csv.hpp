#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "mnemo/core/tensor.hpp"

namespace mnemo::io {

/// What becomes of a cell without a number: one that is empty, or says NA, N/A, NaN, null or None.
enum class Missing {
  error,  ///< refused, with its line and column
  nan,    ///< NaN; its column is float64
};

/// How a table is written, and what of it to read.
struct CsvOptions {
  char separator = ',';  ///< between cells; neither a quote nor an end of line
  bool header = true;    ///< the first line names the columns; otherwise they are "0", "1", ...
  Missing missing = Missing::error;       ///< what becomes of cells without a number
  std::vector<std::string> columns = {};  ///< read only these, in this order; by default all
};

/// The columns of a table of numbers. `Batches({table.matrix({"rooms", "area"}),
/// table.at("price")})` deals out its rows.
struct CsvTable {
  std::vector<std::string> names;  ///< of the columns, in their order
  /// Each [rows]: int64 where every cell is a whole number, else float64.
  std::vector<Tensor> columns;

  /// Without the header.
  std::int64_t rows() const { return columns.empty() ? 0 : columns[0].size(0); }
  /// The column of that name. Throws Error that tells the names there are.
  const Tensor& at(std::string_view name) const;
  /// The columns `names`, by default all, side by side: [rows, columns] of `dtype`.
  Tensor matrix(const std::vector<std::string>& names = {}, DType dtype = DType::float32) const;
};

/// Reads a table of numbers in text, as spreadsheets and pandas write it (RFC 4180): quotes around
/// cells, doubled inside them; lines that end in LF, CRLF or CR; a UTF-8 byte order mark; blanks
/// around cells. Empty lines are passed over. Numbers are read the same whatever the locale. A
/// column without a name gets its number.
///
/// The file is read once, piece by piece. Throws Error that names file, line and column for a cell
/// that is no number, a line with more or fewer cells than the first, an unfinished quote, a name
/// that occurs twice or is not there, or a file that is no text.
CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

}  // namespace mnemo::io
