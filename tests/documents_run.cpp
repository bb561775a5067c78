/// Runs the code blocks of documents and comments, one after the other.
#include <exception>

#include "documents.hpp"

int main() {
  int failed = 0;
  for (const auto& [document, first, run] : documents::entries) {
    int line = first;
    try {
      run(line);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s:%d: %s\n", document, line, error.what());
      ++failed;
    }
  }
  std::printf("%zu blocks and tables run, %d failed\n", documents::entries.size(), failed);
  return failed == 0 && documents::entries.size() > 10 ? 0 : 1;
}
