/// Any bytes as a table: an Error, or columns of one length and no more cells than the file has bytes.
#include <cstdlib>

#include "memory_file.hpp"
#include "mnemo/core/error.hpp"
#include "mnemo/io/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  if (size == 0) return 0;
  // The first byte chooses the options, so that it may be anything else.
  mnemo::io::CsvOptions options;
  if (data[0] & 1) options.header = false;
  if (data[0] & 2) options.missing = mnemo::io::Missing::nan;
  if (data[0] & 4) options.separator = ';';
  try {
    const mnemo::io::CsvTable table = mnemo::io::read_csv(file.with(data + 1, size - 1), options);
    std::size_t cells = 0;
    for (const mnemo::Tensor& column : table.columns) {
      if (column.size(0) != table.rows()) std::abort();
      cells += static_cast<std::size_t>(column.elements());
    }
    if (table.names.size() != table.columns.size() || cells > size) std::abort();
    if (table.matrix().elements() != static_cast<std::int64_t>(cells)) std::abort();
  } catch (const mnemo::Error&) {
  }
  return 0;
}
