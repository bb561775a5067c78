// Checkpoints: 50 named tensors of 2,000,000 floats, 400 MB, in one file.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench.hpp"

namespace bench {
namespace {

using namespace mnemo;

// Reads the file's pages out of the cache of the operating system.
void drop_pages(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) throw std::runtime_error("cannot open " + path);
  fsync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

void checkpoints() {
  const std::string path = options().folder + "/mnemo_bench." + std::to_string(getpid()) + ".npz";
  Variables state;
  for (int i = 0; i < 50; ++i) {
    char name[8];
    std::snprintf(name, sizeof name, "t%02d", i);
    state.add(name, fixed({2000000}, 1 + static_cast<std::uint64_t>(i), -1, 1));
  }
  const auto rate = [&](double ms) {
    return "MB/s=" + std::to_string(static_cast<int>(400.0 / (ms * 1e-3)));
  };
  Plan plan{.warm_up = 1, .warm_up_seconds = 0, .share = 1.5};
  plan.before = [&] {
    unlink(path.c_str());
    sync();
  };
  // The first returns when the system has the bytes, the second when the disk has them.
  for (const bool durable : {false, true}) {
    const char* const name = durable ? "ckpt_save_fsync" : "ckpt_save";
    if (wanted(name))
      measure(
          name, [&] { io::save(path, state, {.durable = durable}); }, rate, plan);
  }
  io::save(path, state);
  if (options().check) {
    const Variables loaded = io::read(path);
    bool same = loaded.size() == state.size();
    for (const auto& [name, tensor] : state) {
      const Tensor* const found = loaded.find(name);
      same = same && found && std::memcmp(found->raw(), tensor.raw(), tensor.bytes()) == 0;
    }
    check("ckpt.bits_equal", same ? 1 : 0.0 / 0.0);
  }
  plan.before = {};
  // The work of a reader that checks no CRC: the same arrays as .npy files, which have none.
  if (wanted("ckpt_load_unchecked")) {
    std::vector<std::string> files;
    for (const auto& [name, tensor] : state) {
      files.push_back(path + "." + name + ".npy");
      io::write_npy(files.back(), tensor);
    }
    measure(
        "ckpt_load_unchecked",
        [&] {
          std::vector<Tensor> loaded;
          for (const std::string& each : files) loaded.push_back(io::read_npy(each));
        },
        rate, plan);
    for (const std::string& each : files) unlink(each.c_str());
  }
  state = {};
  if (wanted("ckpt_load"))
    measure(
        "ckpt_load", [&] { io::read(path); }, rate, plan);
  plan.before = [&] { drop_pages(path); };
  if (wanted("ckpt_load_cold"))
    measure(
        "ckpt_load_cold", [&] { io::read(path); }, rate, plan);
  unlink(path.c_str());
}

}  // namespace

std::vector<Workload> storage_workloads() {
  return {{{"ckpt_save", "ckpt_save_fsync", "ckpt_load_unchecked", "ckpt_load", "ckpt_load_cold"},
           checkpoints}};
}

}  // namespace bench
