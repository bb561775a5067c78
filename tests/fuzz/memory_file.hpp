#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "mnemo/core/parallel.hpp"

/// A file in memory that a reader can open by name, with new contents for each run.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", 0)) {
    if (descriptor_ < 0) std::abort();
    mnemo::set_threads(1);  // a run is over before a second thread is awake
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
  }
  const std::string& with(const std::uint8_t* data, std::size_t size) const {
    const auto length = static_cast<off_t>(size);
    if (::ftruncate(descriptor_, length) != 0) std::abort();
    if (::pwrite(descriptor_, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    return path_;
  }

 private:
  int descriptor_;
  std::string path_;
};
