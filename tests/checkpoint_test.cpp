#include "mnemo/io/checkpoint.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmath>
#include <limits>
#include <thread>

#include "io_files.hpp"
#include "mnemo/core/parallel.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A state in which every element is `value`.
Variables state(double value) {
  Variables variables;
  variables.add("model/weight", full({4, 3}, value));
  variables.add("model/bias", full({4}, value, DType::float64));
  variables.add("optimizer/exp_avg/weight", full({4, 3}, value));
  variables.add("optimizer/step", full({}, value, DType::int64));
  variables.add("random", full({3}, value, DType::uint64));
  return variables;
}

void check_all(const Variables& variables, double value) {
  for (const Variable& variable : variables) {
    const auto& name = variable.name;
    const Tensor& tensor = variable.tensor;
    CAPTURE(name);
    const Tensor wide = cast(tensor, DType::float64);
    for (const double element : wide.span<double>()) REQUIRE(element == value);
  }
}

const char* const forms[] = {"state.npz", "state/", "deeper/folders/state.npz"};

}  // namespace

TEST_CASE("what is saved is loaded, in every form, into the tensors that are there") {
  const Folder folder;
  for (const char* const form : forms) {
    const auto path = folder.path / form;
    io::save(path, state(3));
    Variables target = state(0);
    const void* const place = target["model/weight"].raw();
    const io::LoadReport report = io::load(path, target);
    check_all(target, 3);
    CHECK(target["model/weight"].raw() == place);
    CHECK(report.loaded.size() == 5);
    CHECK(report.loaded[4] == "random");
    CHECK(report.warnings.empty());
    CHECK(io::verify(path).tensors == 5);
  }
  io::save(folder.path / "one.npy", Variables{{"weight", full({2}, 5)}});
  CHECK(io::read(folder.path / "one.npy")["one"].at({1}) == 5);
}

TEST_CASE("equal state gives equal bytes, for any number of threads") {
  const Folder folder;
  Variables large = state(1);
  large.add("large", full({1 << 20}, 2));
  io::save(folder.path / "a.npz", large);
  const int before = threads();
  set_threads(1);
  io::save(folder.path / "b.npz", large);
  set_threads(before);
  CHECK(bytes_of(folder.path / "a.npz") == bytes_of(folder.path / "b.npz"));
}

TEST_CASE("one error lists all that does not fit, and every tensor is as it was") {
  const Folder folder;
  for (const char* const form : forms) {
    const auto path = folder.path / form;
    io::save(path, state(3));
    Variables other;
    other.add("model/weight", full({3, 4}, 0));
    other.add("model/bias", full({4}, 0, DType::float32));
    other.add("optimizer/exp_average/weight", full({4, 3}, 0));
    other.add("optimizer/step", full({}, 0, DType::int64));
    const std::string message = message_of([&] { io::load(path, other); });
    CHECK(message.starts_with(path.string() + ": "));
    CHECK(contains(message, "wrong shape: 'model/weight' is [4, 3] in the file, expected [3, 4]"));
    CHECK(contains(message, "wrong dtype: 'model/bias' is float64 in the file, expected float32"));
    CHECK(contains(message,
                   "missing: 'optimizer/exp_average/weight'; did you mean "
                   "'optimizer/exp_avg/weight'?"));
    CHECK(contains(message, "extra: 'optimizer/exp_avg/weight'"));
    CHECK(contains(message, "extra: 'random'"));
    CHECK_FALSE(contains(message, "optimizer/step"));
    check_all(other, 0);
  }
}

TEST_CASE("a damaged last array leaves the first as they were") {
  const Folder folder;
  const auto path = folder.path / "state.npz";
  io::save(path, state(3));
  std::string bytes = bytes_of(path);
  const std::size_t last_member = bytes.rfind("\x93NUMPY");
  bytes[last_member + 128] = static_cast<char>(bytes[last_member + 128] ^ 1);
  Variables target = state(0);
  folder.write("state.npz", bytes);
  CHECK(contains(message_of([&] { io::load(path, target); }), "'random.npy': damaged (its CRC-32"));
  check_all(target, 0);
  CHECK_THROWS_AS(io::verify(path), Error);
}

TEST_CASE("loading a part: by pattern, with other names, with what is missing or extra") {
  const Folder folder;
  const auto path = folder.path / "state.npz";
  io::save(path, state(3));
  SUBCASE("patterns") {
    Variables target = state(0);
    const io::LoadReport report = io::load(path, target, {.only = {"model/*", "random"}});
    CHECK(report.loaded == std::vector<std::string>{"model/weight", "model/bias", "random"});
    CHECK(report.skipped == std::vector<std::string>{"optimizer/exp_avg/weight", "optimizer/step"});
    check_all(target.select("model/*"), 3);
    check_all(target.select("optimizer/*"), 0);
    CHECK(contains(message_of([&] { io::load(path, target, {.only = {"modle/*"}}); }), "modle/*"));
  }
  SUBCASE("other names") {
    Variables target;
    target.add("encoder/weight", full({4, 3}, 0));
    target.add("encoder/bias", full({4}, 0, DType::float64));
    target.add("steps", full({}, 0, DType::int64));
    const io::LoadReport report = io::load(
        path, target,
        {.rename = {{"model/*", "encoder/*"}, {"optimizer/step", "steps"}}, .allow_extra = true});
    check_all(target, 3);
    CHECK(report.extra == std::vector<std::string>{"optimizer/exp_avg/weight", "random"});
    CHECK(contains(message_of([&] {
                     io::load(path, target,
                              {.rename = {{"model/*", "encoder/*"}, {"no", "steps"}},
                               .allow_extra = true});
                   }),
                   "to be renamed, but not in the file: 'no'"));
    CHECK(contains(message_of([&] {
                     io::load(path, state(0), {.rename = {{"model/weight", "random"}}});
                   }),
                   "two arrays for 'random'"));
  }
  SUBCASE("missing") {
    Variables target = state(0);
    target.add("new", full({2}, 7));
    CHECK(contains(message_of([&] { io::load(path, target); }), "missing: 'new'"));
    const io::LoadReport report = io::load(path, target, {.allow_missing = true});
    CHECK(report.missing == std::vector<std::string>{"new"});
    CHECK(target["new"].at({0}) == 7);
    CHECK(target["random"].at({0}) == 3);
  }
}

TEST_CASE("float16 goes into float32 only where that is allowed") {
  const Folder folder;
  io::save(folder.path / "half.npz", Variables{{"x", cast(full({3}, 1.5), DType::float16)}});
  const Variables target{{"x", zeros({3})}};
  CHECK(contains(message_of([&] { io::load(folder.path / "half.npz", target); }),
                 "is float16 in the file, expected float32"));
  io::load(folder.path / "half.npz", target, {.allow_float16 = true});
  CHECK(target["x"].at({2}) == 1.5);
  const Variables kept{{"x", cast(zeros({3}), DType::float16)}};
  io::load(folder.path / "half.npz", kept);
  CHECK(cast(kept["x"], DType::float32).at({2}) == 1.5);
}

TEST_CASE("a checkpoint that Python has edited is loaded") {
  const Folder folder;
  io::save(folder.path / "state.npz", state(3));
  python(folder, R"(
arrays = dict(np.load('state.npz', allow_pickle=False))
arrays['optimizer/exp_avg/weight'][:] = 0
np.savez('edited.npz', **arrays)
os.mkdir('unpacked')
zipfile.ZipFile('edited.npz').extractall('unpacked')
)");
  for (const char* const edited : {"edited.npz", "unpacked", "unpacked/"}) {
    Variables target = state(9);
    io::load(folder.path / edited, target);
    check_all(target.select("optimizer/exp_avg/*"), 0);
    check_all(target.select("model/*"), 3);
  }
}

TEST_CASE("another family of kernels is told, and the load goes on") {
  const Folder folder;
  const auto path = folder.path / "state.npz";
  io::save(path, state(3));
  std::string bytes = bytes_of(path);
  const std::size_t note = bytes.rfind("openblas=");
  REQUIRE(note != std::string::npos);
  bytes[note + 9] = '_';
  folder.write("state.npz", bytes);
  std::vector<std::string> told;
  Variables target = state(0);
  io::load(path, target, {.warn = [&](const std::string& text) { told.push_back(text); }});
  check_all(target, 3);
  REQUIRE(told.size() == 1);
  CHECK(contains(told[0], "kernels"));
}

TEST_CASE("a save that fails leaves the older file as it was, and nothing beside it") {
  const Folder folder;
  const auto path = folder.path / "state.npz";
  io::save(path, state(3));
  const std::string before = bytes_of(path);

  SUBCASE("the disk is full") {
    Variables large = state(4);
    large.add("large", zeros({1 << 20}));
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{1 << 20, limit.rlim_max};
    const auto handler = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string message = message_of([&] { io::save(path, large); });
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, handler);
    CHECK(contains(message, "state.npz: cannot be written: File too large"));
  }
  SUBCASE("a tensor that NumPy cannot hold") {
    Variables bad = state(4);
    bad.add("deep", zeros(Shape(40, 1)));
    CHECK(contains(message_of([&] { io::save(path, bad); }), "'deep': a tensor of 40 axes"));
  }
  SUBCASE("something else has the name") {
    CHECK(
        contains(message_of([&] { io::save("/dev/null/x.npz", state(4)); }), "cannot be created"));
    std::filesystem::create_directory(folder.path / "taken.npz");
    CHECK(contains(message_of([&] { io::save(folder.path / "taken.npz", state(4)); }),
                   "not a regular file"));
    std::filesystem::remove(folder.path / "taken.npz");
    CHECK(
        contains(message_of([&] { io::save(folder.path / "state.npz/", state(4)); }), "no folder"));
  }
  SUBCASE("an ending that says nothing") {
    CHECK(contains(message_of([&] { io::save(folder.path / "state.bin", state(4)); }), "ending"));
    CHECK(contains(message_of([&] { io::save(folder.path / "state.npy", state(4)); }),
                   "these are 5"));
  }
  CHECK(bytes_of(path) == before);
  CHECK(folder.names() == std::vector<std::string>{"state.npz"});
}

TEST_CASE("names of a folder's files that cannot be shown are refused, and not shown") {
  for (const std::string name : {"a\nb.npy", "\xff.npy", "\u0085.npy"}) {
    const Folder folder;
    io::write_npy(folder.path / "x.npy", ones({1}));
    std::filesystem::rename(folder.path / "x.npy", folder.path / name);
    const std::string message = message_of([&] { io::read(folder.path); });
    CHECK(contains(message, "?"));
    CHECK(contains(message, "has control characters, or is no UTF-8"));
    CHECK_FALSE(contains(message, name));
  }
}

TEST_CASE("a folder that holds other things is not replaced") {
  const Folder folder;
  io::save(folder.path / "state/", state(3));
  folder.write("state/notes.txt", "mine");
  CHECK(contains(message_of([&] { io::save(folder.path / "state/", state(4)); }), "notes.txt"));
  CHECK(bytes_of(folder.path / "state/notes.txt") == "mine");
  std::filesystem::remove(folder.path / "state/notes.txt");
  Variables fewer;
  fewer.add("only", full({2}, 4));
  io::save(folder.path / "state/", fewer);
  CHECK(io::read(folder.path / "state").size() == 1);
  folder.write("state/.mnemo-1-0.tmp", "left behind by a process that wrote one array of it");
  io::save(folder.path / "state", fewer);  // a name without an ending is a folder's too
  CHECK(io::read(folder.path / "state").size() == 1);
  CHECK(folder.names() == std::vector<std::string>{"state"});
}

TEST_CASE("names that cannot both be files are refused in a folder") {
  const Folder folder;
  Variables variables;
  variables.add("a", full({2}, 1));
  variables.add("a.npy/b", full({2}, 1));
  CHECK_THROWS_AS(io::save(folder.path / "state/", variables), Error);
  CHECK(folder.names().empty());
}

TEST_CASE("a link stays a link") {
  const Folder folder;
  io::save(folder.path / "real.npz", state(1));
  std::filesystem::create_symlink("real.npz", folder.path / "link.npz");
  io::save(folder.path / "link.npz", state(2));
  CHECK(std::filesystem::is_symlink(folder.path / "link.npz"));
  CHECK(io::read(folder.path / "real.npz")["model/weight"].at({0, 0}) == 2);
}

TEST_CASE("what killed processes left behind is removed; what others write just now is not") {
  const Folder folder;
  folder.write(".mnemo-1-0.tmp", "left behind");
  std::filesystem::create_directories(folder.path / ".mnemo-2-0.tmp/inside");
  folder.write(".mnemo-2-0.tmp/inside/a.npy", "left behind");
  const auto busy = folder.write(".mnemo-3-0.tmp", "being written");
  folder.write(".mnemo-own-file", "not ours");
  const int descriptor = ::open(busy.c_str(), O_RDONLY);
  REQUIRE(::flock(descriptor, LOCK_EX) == 0);
  io::save(folder.path / "state.npz", state(1));
  CHECK(folder.names() ==
        std::vector<std::string>{".mnemo-3-0.tmp", ".mnemo-own-file", "state.npz"});
  ::close(descriptor);
  io::save(folder.path / "state.npz", state(1));
  CHECK(folder.names() == std::vector<std::string>{".mnemo-own-file", "state.npz"});
}

TEST_CASE("threads and processes that save to one name do not mix") {
  const Folder folder;
  const auto path = folder.path / "state.npz";
  io::save(path, state(0));
  std::vector<pid_t> children;
  for (int child = 1; child <= 3; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (int i = 0; i < 20; ++i) io::save(path, state(child));
      ::_exit(0);
    }
    children.push_back(pid);
  }
  std::vector<std::thread> writers;
  for (int thread = 4; thread <= 5; ++thread) {
    writers.emplace_back([&, thread] {
      for (int i = 0; i < 20; ++i) io::save(path, state(thread));
    });
  }
  for (int i = 0; i < 50; ++i) {
    const Variables read = io::read(path);
    check_all(read, read["optimizer/step"].item());
  }
  for (std::thread& writer : writers) writer.join();
  for (const pid_t pid : children) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    CHECK(status == 0);
  }
  CHECK(folder.names() == std::vector<std::string>{"state.npz"});
}

TEST_CASE("killed at any instant, a save leaves the last state or the one before") {
  const Folder folder;
  for (const char* const form : {"state.npz", "state/"}) {
    const auto path = folder.path / form;
    Variables large = state(0);
    large.add("large", full({200000}, 0));
    io::save(path, large);
    double last = 0;
    for (int round = 0; round < 25; ++round) {
      int pipe[2];
      REQUIRE(::pipe(pipe) == 0);
      const pid_t pid = ::fork();
      if (pid == 0) {
        set_threads(1);  // the pool's threads do not follow into a child
        for (double value = last + 1;; ++value) {
          for (const Variable& variable : large) variable.tensor.fill(value);
          io::save(path, large);
          [[maybe_unused]] const auto written = ::write(pipe[1], &value, sizeof value);
        }
      }
      ::close(pipe[1]);
      std::this_thread::sleep_for(std::chrono::microseconds(5000 + round * 3700 % 40000));
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      double saved = last;
      for (double value; ::read(pipe[0], &value, sizeof value) == sizeof value;) saved = value;
      ::close(pipe[0]);
      const Variables read = io::read(path);
      const double found = read["optimizer/step"].item();
      check_all(read, found);
      CHECK((found == saved || found == saved + 1));
      last = found;
    }
    io::save(path, large);
    std::filesystem::remove_all(path.has_filename() ? path : path.parent_path());
  }
  CHECK(folder.names().empty());
}

TEST_CASE("verify tells which tensors hold NaN or infinity") {
  const Folder folder;
  Variables variables = state(1);
  const Tensor sick = full({3}, 1);
  sick.mutable_data<float>()[1] = std::numeric_limits<float>::infinity();
  variables.add("sick", sick);
  variables.add("worse", cast(full({1}, std::nan("")), DType::float64));
  io::save(folder.path / "state.npz", variables);
  CHECK(io::verify(folder.path / "state.npz").nonfinite ==
        std::vector<std::string>{"sick", "worse"});
}

TEST_CASE("mapped arrays have the values, and writing to them leaves the file alone") {
  const Folder folder;
  Variables variables = state(3);
  variables.add("mask", full({5}, 1, DType::boolean));
  variables.add("half", cast(full({5}, 1.5), DType::float16));
  for (const char* const form : {"state.npz", "state/"}) {
    const auto path = folder.path / form;
    io::save(path, variables);
    Variables mapped = io::map(path);
    REQUIRE(mapped.size() == 7);
    check_all(mapped.select("model/*"), 3);
    check_all(mapped.select("optimizer/*"), 3);
    CHECK(mapped["mask"].at({4}) == 1);
    CHECK(mapped["half"].at({4}) == 1.5);
    CHECK(reinterpret_cast<std::uintptr_t>(mapped["model/weight"].raw()) % 64 == 0);
    mapped["model/weight"].fill(9);
    check_all(io::read(path).select("model/*"), 3);
    io::save(path, state(4));  // the name has a new file; what is mapped is still the old one
    CHECK(mapped["random"].at({0}) == 3);
  }
  io::save(folder.path / "deflated.npz", state(5), {.compression = io::Compression::deflate});
  check_all(io::map(folder.path / "deflated.npz"), 5);
  std::string bytes = bytes_of(folder.path / "state.npz");
  folder.write("cut.npz", bytes.substr(0, bytes.size() - 1));
  CHECK_THROWS_AS(io::map(folder.path / "cut.npz"), Error);
}
