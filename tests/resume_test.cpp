/// Drives the built examples, dcgan most of all: a run that is stopped, or killed at any moment, and
/// resumed must end with the same bytes as one that was left alone, on any number of threads.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "mnemo/core/variables.hpp"
#include "mnemo/io/npz.hpp"

namespace fs = std::filesystem;

namespace {

using Arguments = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "mnemo_resume_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The example running with `arguments`, its output in `log`.
pid_t start(const Arguments& arguments, const std::string& log,
            const std::string& example = "dcgan") {
  const std::string program = MNEMO_EXAMPLES "/" + example;
  std::vector<char*> pointers{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) ::_exit(126);
    ::execv(program.c_str(), pointers.data());
    ::_exit(127);
  }
  return child;
}

/// Its exit status; 128 and the signal if one ended it.
int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct Result {
  int status;
  std::string output;
};

Result run(const Arguments& arguments, const Folder& folder, const std::string& example = "dcgan") {
  const std::string log = folder / "output";
  const int status = wait_for(start(arguments, log, example));
  return {status, bytes_of(log)};
}

/// A small run: few pictures a step, no data files.
Arguments training(const std::string& out, int steps, const Arguments& more = {}) {
  Arguments arguments{
      "--data",  "synthetic",           "--batch", "4", "--seed", "7", "--checkpoint-every", "20",
      "--steps", std::to_string(steps), "--out",   out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

void check_run(const Arguments& arguments, const Folder& folder,
               const std::string& example = "dcgan") {
  const Result result = run(arguments, folder, example);
  INFO(result.output);
  REQUIRE(result.status == 0);
}

void check_same_end(const std::string& a, const std::string& b) {
  CHECK(bytes_of(a + "/step_00000060.npz") == bytes_of(b + "/step_00000060.npz"));
  CHECK(bytes_of(a + "/losses.csv") == bytes_of(b + "/losses.csv"));
  CHECK(bytes_of(a + "/samples_00000060.png") == bytes_of(b + "/samples_00000060.png"));
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

bool one_line(const std::string& text) {
  INFO(text);
  return !text.empty() && text.find('\n') == text.size() - 1;
}

}  // namespace

TEST_CASE("stopped after 20 steps and resumed to 60, at 1 and 2 threads: the same bytes") {
  const Folder folder;
  check_run(training(folder / "whole", 60, {"--threads", "2"}), folder);
  check_run(training(folder / "single", 60, {"--threads", "1"}), folder);
  check_same_end(folder / "whole", folder / "single");

  check_run(training(folder / "parts", 20, {"--threads", "1"}), folder);
  // Neither seed nor batch size has to be given again.
  check_run({"--data", "synthetic", "--steps", "60", "--checkpoint-every", "20", "--threads", "2",
             "--out", folder / "parts", "--resume"},
            folder);
  check_same_end(folder / "whole", folder / "parts");

  // Drawing pictures, and saving more often, change nothing.
  check_run(training(folder / "pictures", 60, {"--sample-every", "1", "--keep", "0"}), folder);
  check_same_end(folder / "whole", folder / "pictures");

  const std::string csv = bytes_of(folder / "whole/losses.csv");
  CHECK(csv.starts_with("step,discriminator_loss,generator_loss\n1,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 61);
  CHECK(csv.find("\n60,") != std::string::npos);
}

TEST_CASE("killed at random moments and resumed: the same bytes") {
  const Folder folder;
  const auto begin = Clock::now();
  check_run(training(folder / "whole", 60), folder);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

  std::mt19937 random(20260101);
  std::uniform_real_distribution<double> moment(0.0, seconds);
  int killed = 0;
  for (int round = 0; round < 20; ++round) {
    const std::string out = folder / ("killed" + std::to_string(round));
    const std::string threads = round % 2 == 0 ? "1" : "2";
    // Some rounds are killed more than once before they may finish.
    for (int kills = 0; kills <= round % 3; ++kills) {
      const Arguments more = kills == 0 ? Arguments{"--threads", threads}
                                        : Arguments{"--threads", threads, "--resume"};
      const pid_t child = start(training(out, 60, more), folder / "output");
      std::this_thread::sleep_for(std::chrono::duration<double>(moment(random)));
      ::kill(child, SIGKILL);
      killed += wait_for(child) == 128 + SIGKILL;
    }
    // Whatever was given is in the checkpoint of a run's first step. Where it was killed before that,
    // there is nothing to go on with.
    Arguments last{"--data", "synthetic", "--steps", "60", "--out", out, "--resume"};
    if (!fs::exists(out + "/step_00000001.npz")) last = training(out, 60, {"--resume"});
    check_run(last, folder);
    check_same_end(folder / "whole", out);
    fs::remove_all(out);
  }
  CHECK(killed > 10);
}

TEST_CASE("the other examples too: killed and resumed on another number of threads") {
  const Folder folder;
  std::mt19937 random(20261125);
  for (const std::string example : {"classifier", "wgan_gp", "autoencoder"}) {
    CAPTURE(example);
    const auto begin = Clock::now();
    check_run(training(folder / example, 60, {"--threads", "1"}), folder, example);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::uniform_real_distribution<double> moment(0.3 * seconds, 0.9 * seconds);
    for (const std::string round : {"a", "b", "c"}) {
      const std::string out = folder / (example + round);
      const Arguments two_threads = training(out, 60, {"--threads", "2", "--resume"});
      const pid_t child = start(two_threads, folder / "output", example);
      std::this_thread::sleep_for(std::chrono::duration<double>(moment(random)));
      ::kill(child, SIGKILL);
      wait_for(child);
      check_run(training(out, 60, {"--threads", "1", "--resume"}), folder, example);
      for (const char* name : {"/step_00000060.npz", "/losses.csv"}) {
        CHECK(bytes_of(folder / example + name) == bytes_of(out + name));
      }
    }
  }
  check_run({"--steps", "300", "--out", folder / "whole"}, folder, "custom_op");
  check_run({"--steps", "100", "--out", folder / "parts"}, folder, "custom_op");
  check_run({"--steps", "300", "--out", folder / "parts", "--resume"}, folder, "custom_op");
  CHECK(bytes_of(folder / "whole/state.npz") == bytes_of(folder / "parts/state.npz"));
}

TEST_CASE("SIGTERM and SIGINT: finishes the step, saves, exits with 0 and says how to resume") {
  const Folder folder;
  check_run(training(folder / "whole", 60), folder);
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string out = folder / ("stopped" + std::to_string(signal));
    const pid_t child = start(training(out, 1'000'000), folder / "output");
    while (!fs::exists(out + "/losses.csv") || fs::file_size(out + "/losses.csv") < 400) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ::kill(child, signal);
    CHECK(wait_for(child) == 0);
    const std::string output = bytes_of(folder / "output");
    CHECK(contains(output, "stopped at step "));
    CHECK(contains(output, "--resume"));

    // It may have gone past step 60 before the signal came; otherwise it ends like the whole run.
    const std::string csv = bytes_of(out + "/losses.csv");
    if (std::count(csv.begin(), csv.end(), '\n') <= 61) {
      check_run(training(out, 60, {"--resume"}), folder);
      check_same_end(folder / "whole", out);
    } else {
      CHECK(csv.starts_with(bytes_of(folder / "whole/losses.csv")));
    }
  }
}

TEST_CASE(
    "resume: a damaged newest checkpoint is passed over, and what is later than the older one "
    "goes") {
  const Folder folder;
  check_run(training(folder / "whole", 60), folder);
  const std::string out = folder / "damaged";
  check_run(training(out, 50), folder);
  const std::string newest = out + "/step_00000050.npz";
  fs::resize_file(newest, fs::file_size(newest) / 2);
  const Result result = run(training(out, 60, {"--resume"}), folder);
  CHECK(result.status == 0);
  CHECK(contains(result.output, "step_00000040.npz"));
  CHECK(!fs::exists(out + "/samples_00000050.png"));
  CHECK(fs::exists(newest + ".damaged"));
  check_same_end(folder / "whole", out);

  // Nothing to do is no mistake, and changes nothing.
  const std::string before = bytes_of(out + "/losses.csv");
  const Result again = run(training(out, 20, {"--resume"}), folder);
  CHECK(again.status == 0);
  CHECK(contains(again.output, "already at step 60"));
  CHECK(bytes_of(out + "/losses.csv") == before);
  CHECK(!fs::exists(out + "/step_00000020.npz") == !fs::exists(folder / "whole/step_00000020.npz"));
}

TEST_CASE("resume without a checkpoint begins afresh and says so") {
  const Folder folder;
  const Result result = run(training(folder / "new", 3, {"--resume"}), folder);
  CHECK(result.status == 0);
  CHECK(contains(result.output, "no readable checkpoint"));
  CHECK(fs::exists(folder / "new/step_00000003.npz"));

  // Nor is a log without a checkpoint, as a run leaves that is killed early, mixed into the new one.
  fs::remove(folder / "new/step_00000001.npz");
  fs::remove(folder / "new/step_00000003.npz");
  const std::string csv = bytes_of(folder / "new/losses.csv");
  check_run(training(folder / "new", 3, {"--resume"}), folder);
  CHECK(bytes_of(folder / "new/losses.csv") == csv);
}

TEST_CASE("two runs are never mixed, and none is destroyed unasked") {
  const Folder folder;
  const std::string out = folder / "run";
  check_run(training(out, 3), folder);
  const std::string checkpoint = bytes_of(out + "/step_00000003.npz");

  const Result refused = run(training(out, 5), folder);
  CHECK(refused.status == 1);
  CHECK(one_line(refused.output));
  CHECK(contains(refused.output, "--resume"));
  CHECK(bytes_of(out + "/step_00000003.npz") == checkpoint);

  const auto resumed_with = [&](const Arguments& more) {
    Arguments arguments{"--data", "synthetic", "--steps", "5", "--out", out, "--resume"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, folder);
  };
  const Result seed = resumed_with({"--seed", "8"});
  CHECK(seed.status == 1);
  CHECK(contains(seed.output, "begun with seed 7"));
  CHECK(bytes_of(out + "/step_00000003.npz") == checkpoint);
  CHECK(!fs::exists(out + "/step_00000005.npz"));
  const Result batch = resumed_with({"--batch", "6"});
  CHECK(batch.status == 0);
  CHECK(contains(batch.output, "batch size 6 from here on; it was 4"));

  std::ofstream(out + "/my notes.txt") << "keep me";
  check_run(training(out, 2, {"--overwrite"}), folder);
  CHECK(!fs::exists(out + "/step_00000003.npz"));
  CHECK(fs::exists(out + "/step_00000002.npz"));
  CHECK(fs::exists(out + "/my notes.txt"));
}

TEST_CASE("a checkpoint that does not fit is refused with everything that is wrong") {
  const Folder folder;
  const std::string out = folder / "run";
  check_run(training(out, 2), folder);
  const std::string path = out + "/step_00000002.npz";
  mnemo::Variables state = mnemo::io::read_npz(path);
  mnemo::Variables changed;
  for (const mnemo::Variable& variable : state) {
    if (variable.name == "generator/up1/weight") continue;
    const bool narrow = variable.name == "discriminator/logit/bias";
    changed.add(variable.name, narrow ? mnemo::zeros({2}) : variable.tensor);
  }
  changed.add("stranger", mnemo::zeros({1}));
  mnemo::io::write_npz(path, changed);
  const std::string csv = bytes_of(out + "/losses.csv");
  const Result result = run(training(out, 5, {"--resume"}), folder);
  CHECK(result.status == 1);
  CHECK(contains(result.output, "generator/up1/weight"));
  CHECK(contains(result.output, "discriminator/logit/bias"));
  CHECK(contains(result.output, "stranger"));
  CHECK(bytes_of(out + "/losses.csv") == csv);
}

TEST_CASE("mistakes give one line and a status") {
  const Folder folder;
  const auto usage = [&](const Arguments& arguments, const std::string& expected) {
    const Result result = run(arguments, folder);
    CHECK(result.status == 2);
    CHECK(one_line(result.output));
    CHECK(contains(result.output, expected));
  };
  usage({"--batch", "0"}, "--batch");
  usage({"--steps", "-5"}, "--steps");
  usage({"--steps", "1e3"}, "not a whole number");
  usage({"--seed", "99999999999999999999"}, "out of range");
  usage({"--threads", "0"}, "--threads");
  usage({"--steps", "5", "--epochs", "1"}, "--epochs");
  usage({"--unknown"}, "--unknown");
  usage({"stray"}, "stray");
  CHECK(run({"--help"}, folder).status == 0);

  const auto refused = [&](const Arguments& arguments, const std::string& expected) {
    const Result result = run(arguments, folder);
    CHECK(result.status == 1);
    CHECK(one_line(result.output));
    CHECK(contains(result.output, expected));
  };
  refused({"--data", "/nonexistent", "--out", folder / "a"}, "dataset-fashion-mnist");
  refused({"--data", "/nonexistent", "--out", folder / "a"}, "--data synthetic");
  refused(training("/dev/null/run", 1), "/dev/null/run");
  refused({"--data", "synthetic", "--batch", "1501", "--out", folder / "a"}, "batch size 1501");
  CHECK(!fs::exists(folder / "a"));
}
