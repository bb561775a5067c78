#include "mnemo/io/async_saver.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "io_files.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

Variables state(double value) {
  return {{"weight", full({300000}, value)}, {"step", full({}, value)}};
}

void check_file(const std::filesystem::path& path, double value) {
  const Variables read = io::read(path);
  REQUIRE(read["step"].item() == value);
  for (const float element : read["weight"].span<float>())
    REQUIRE(element == static_cast<float>(value));
}

}  // namespace

TEST_CASE("a file holds the state at the call, whatever training does meanwhile") {
  const Folder folder;
  const Variables live = state(0);
  io::AsyncSaver saver;
  for (int step = 1; step <= 10; ++step) {
    for (const Variable& variable : live) variable.tensor.fill(step);
    saver.save(folder.path / ("step" + std::to_string(step) + ".npz"), live);
    for (const Variable& variable : live) variable.tensor.fill(-1);
    CHECK(saver.snapshot_seconds() >= 0);
    CHECK(saver.waiting_seconds() >= 0);
  }
  saver.wait();
  for (int step = 1; step <= 10; ++step) {
    check_file(folder.path / ("step" + std::to_string(step) + ".npz"), step);
  }
}

TEST_CASE("the last file is complete when the saver is gone; other tensors may follow") {
  const Folder folder;
  {
    io::AsyncSaver saver;
    saver.save(folder.path / "a.npz", state(1));
    saver.save(folder.path / "b.npz", Variables{{"other", full({3}, 2)}});
  }
  check_file(folder.path / "a.npz", 1);
  CHECK(io::read(folder.path / "b.npz")["other"].at({2}) == 2);
}

TEST_CASE("an error is thrown by the next call, once, and the saver goes on") {
  const Folder folder;
  folder.write("file", "no folder");
  const auto impossible = folder.path / "file" / "state.npz";
  io::AsyncSaver saver;
  saver.save(impossible, state(1));
  const std::string message = message_of([&] { saver.save(folder.path / "a.npz", state(2)); });
  CHECK(message.find("file: cannot be created") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path / "a.npz"));
  saver.save(folder.path / "a.npz", state(2));
  saver.wait();
  check_file(folder.path / "a.npz", 2);
  saver.save(impossible, state(3));
  CHECK_THROWS_AS(saver.wait(), Error);
  saver.wait();
}

TEST_CASE("an error that nobody asked for is told when the saver goes") {
  const Folder folder;
  folder.write("file", "no folder");
  const auto told = folder.write("told", "");
  const int standard_error = ::dup(STDERR_FILENO);
  const int file = ::open(told.c_str(), O_WRONLY);
  REQUIRE(::dup2(file, STDERR_FILENO) >= 0);
  io::AsyncSaver().save(folder.path / "file" / "state.npz", state(1));
  REQUIRE(::dup2(standard_error, STDERR_FILENO) >= 0);
  ::close(file);
  ::close(standard_error);
  CHECK(bytes_of(told).starts_with("error: a checkpoint was not saved: "));
  CHECK(bytes_of(told).find("file: cannot be created") != std::string::npos);
}

TEST_CASE("through a checkpoint manager old checkpoints go") {
  const Folder folder;
  const io::CheckpointManager manager(folder.path, {.keep = 2});
  io::AsyncSaver saver;
  for (int step = 1; step <= 5; ++step) saver.save(manager, step, state(step));
  saver.wait();
  CHECK(manager.steps() == std::vector<std::int64_t>{4, 5});
  check_file(*manager.latest(), 5);
}
