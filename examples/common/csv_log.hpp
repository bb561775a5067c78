#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace examples {

/// A text table that grows by one row each step: `step,first,second`. Numbers are written so that
/// reading them gives the same float32, with '.' whatever the locale.
///
/// A row is handed to the operating system when it is added, so a killed program loses none, but its
/// last checkpoint may be older. Opening the table at that checkpoint's step cuts off what is later.
class CsvLog {
 public:
  /// Opens the table as it was after `step`: rows of later steps, and a last row without its end, are
  /// cut off; with step 0 everything but the header. Throws mnemo::Error if the file cannot be
  /// written, or is a table with other columns.
  CsvLog(const std::filesystem::path& path, const std::vector<std::string>& columns,
         std::int64_t step);
  CsvLog(const CsvLog&) = delete;
  CsvLog& operator=(const CsvLog&) = delete;
  ~CsvLog();

  /// How many of the rows 1 to `step` were not there on opening.
  std::int64_t missing() const { return missing_; }

  void add(std::int64_t step, std::span<const float> values);
  /// Returns when the rows are on the disk. To be called before a checkpoint is saved, so that no
  /// checkpoint is ever newer than the table.
  void sync();

 private:
  void open_at(const std::string& header, std::int64_t step);
  void write(const std::string& text);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t missing_ = 0;
};

}  // namespace examples
