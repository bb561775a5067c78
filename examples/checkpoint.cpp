/// Looks into checkpoints, or any .npz archive, .npy file or folder of .npy files, and copies them.
///
///   checkpoint ls FILE        names, shapes, dtypes and sizes
///   checkpoint verify FILE    reads everything: checksums, and that all numbers are finite
///   checkpoint copy IN OUT    reads everything and writes it again; OUT ends in .npz, .npy or /
#include <cstdio>
#include <exception>
#include <iostream>
#include <mnemo/mnemo.hpp>
#include <string>
#include <vector>

namespace {

using namespace mnemo;

void list(const std::string& file) { std::cout << io::read(file, {.float16 = io::Float16::keep}); }

void verify(const std::string& file) {
  const io::Verification found = io::verify(file);
  if (!found.nonfinite.empty()) {
    throw Error(file + ": " + std::to_string(found.nonfinite.size()) +
                " tensors hold NaN or infinity, the first is '" + found.nonfinite.front() + "'");
  }
  std::cout << file << ": " << found.tensors << " tensors, " << found.bytes << " bytes, all well\n";
}

void copy(const std::string& from, const std::string& to) {
  io::save(to, io::read(from, {.float16 = io::Float16::keep}));
}

bool run(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "ls") return list(words[1]), true;
  if (words.size() == 2 && words[0] == "verify") return verify(words[1]), true;
  if (words.size() == 3 && words[0] == "copy") return copy(words[1], words[2]), true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string usage = "checkpoint ls FILE | verify FILE | copy IN OUT";
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    std::cout << "usage: " << usage << "\n(FILE: .npz, .npy, or a folder of .npy files)\n";
    return 0;
  }
  try {
    if (!run(words)) throw Error("usage: " + usage);
    if (!std::cout.flush()) throw Error("standard output cannot be written");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "checkpoint: %s\n", error.what());
    return 1;
  }
}
