/// What stands when the disk fails at the last moment. The `fsync` below takes the place of the C
/// library's in this program, and does as it does but where a test has it fail.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "io_files.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

int files_fail = 0;    // with this error
int folders_fail = 0;  // likewise
std::string folder_that_fails;

bool is_that_folder(const struct stat& status) {
  struct stat that {};
  return ::stat(folder_that_fails.c_str(), &that) == 0 && that.st_ino == status.st_ino;
}

const Variables older{{"a", full({3}, 1)}};
const Variables newer{{"a", full({3}, 2)}};

float first_element(const std::filesystem::path& path) {
  const Variables read = io::read(path);
  return read[0].tensor.data<float>()[0];
}

}  // namespace

extern "C" int fsync(int descriptor) {
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  int error = 0;
  if (known && S_ISREG(status.st_mode)) error = files_fail;
  if (known && S_ISDIR(status.st_mode) && is_that_folder(status)) error = folders_fail;
  if (error == 0) return static_cast<int>(::syscall(SYS_fsync, descriptor));
  errno = error;
  return -1;
}

TEST_CASE(
    "a folder that cannot be flushed after the rename: the new state is in place, and told so") {
  const Folder folder;
  folder_that_fails = folder.path.string();
  for (const std::string name : {"x.npz", "x.npy", "run"}) {
    CAPTURE(name);
    for (const bool replaces : {false, true}) {
      CAPTURE(replaces);
      const auto path = folder.path / name;
      std::filesystem::remove_all(path);
      if (replaces) io::save(path, older);
      folders_fail = EIO;
      const std::string message = message_of([&] { io::save(path, newer); });
      folders_fail = 0;
      CHECK(message ==
            folder.path.string() +
                ": cannot be flushed to the disk: Input/output error; what was saved is in "
                "place and whole, but a power cut may bring back what it replaced");
      CHECK(first_element(path) == 2);
      std::filesystem::remove_all(path);
      CHECK(folder.names().empty());
    }
  }
}

TEST_CASE("a file that cannot be flushed does not take the older one's place") {
  const Folder folder;
  for (const std::string name : {"x.npz", "x.npy", "run"}) {
    CAPTURE(name);
    const auto path = folder.path / name;
    io::save(path, older);
    files_fail = ENOSPC;
    const std::string message = message_of([&] { io::save(path, newer); });
    files_fail = 0;
    const std::string file = name == "run" ? (path / "a.npy").string() : path.string();
    CHECK(message == file +
                         ": cannot be flushed to the disk: No space left on device; make room "
                         "there, or use another place");
    CHECK(first_element(path) == 1);
    std::filesystem::remove_all(path);
    CHECK(folder.names().empty());
  }
}

TEST_CASE("who may not write somewhere is told to go elsewhere") {
  // In /sys nobody may, not even root.
  const std::string message = message_of([] { io::save("/sys/x.npz", newer); });
  CHECK(message.ends_with("; get the right to it, or use another place"));
}

TEST_CASE("a file system whose folders cannot be flushed is no error") {
  const Folder folder;
  folder_that_fails = folder.path.string();
  for (const int error : {EINVAL, ENOTSUP}) {
    folders_fail = error;
    CHECK_NOTHROW(io::save(folder.path / "x.npz", newer));
    folders_fail = 0;
  }
  CHECK(first_element(folder.path / "x.npz") == 2);
}

TEST_CASE("what need not be durable does not wait for the disk") {
  const Folder folder;
  folder_that_fails = folder.path.string();
  files_fail = folders_fail = EIO;
  for (const std::string name : {"x.npz", "x.npy", "run"}) {
    CAPTURE(name);
    for (const Variables& state : {older, newer}) {
      CHECK_NOTHROW(io::save(folder.path / name, state, {.durable = false}));
      CHECK(first_element(folder.path / name) == state[0].tensor.data<float>()[0]);
    }
  }
  const io::CheckpointManager manager(folder.path, {.save = {.durable = false}});
  CHECK_NOTHROW(manager.save(1, newer));
  CHECK(manager.latest() == manager.path_for(1));
  files_fail = folders_fail = 0;
}
