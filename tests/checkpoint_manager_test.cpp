#include <cmath>

#include "io_files.hpp"
#include "mnemo/io/checkpoint.hpp"

using namespace mnemo;
using namespace io_files;

namespace {

using Steps = std::vector<std::int64_t>;

Variables state(double value) { return {{"weight", full({100}, value)}}; }

}  // namespace

TEST_CASE("checkpoints are named with the step and the newest are kept") {
  const Folder folder;
  const io::CheckpointManager manager(folder.path / "run", {.keep = 2});
  CHECK(manager.path_for(60) == folder.path / "run" / "step_00000060.npz");
  CHECK(manager.path_for(123456789012) == folder.path / "run" / "step_123456789012.npz");
  CHECK_THROWS_AS(manager.path_for(-1), Error);
  CHECK_FALSE(manager.latest().has_value());
  for (const int step : {20, 40, 60, 80})
    CHECK(manager.save(step, state(step)) == manager.path_for(step));
  CHECK(manager.steps() == Steps{60, 80});
  CHECK(*manager.latest() == manager.path_for(80));
  folder.write("run/step_90.npz", "not a name of ours");
  folder.write("run/step_00000099.npz.bak", "nor this");
  folder.write("run/other_00000099.npz", "nor this");
  CHECK(manager.steps() == Steps{60, 80});
  manager.save(100, state(1));
  CHECK(std::filesystem::exists(folder.path / "run/step_90.npz"));
  CHECK(std::filesystem::exists(folder.path / "run/other_00000099.npz"));
}

TEST_CASE("a damaged checkpoint is passed over with a warning that says what is wrong") {
  const Folder folder;
  std::vector<std::string> warnings;
  const io::CheckpointManager manager(
      folder.path, {.warn = [&](const std::string& text) { warnings.push_back(text); }});
  for (const int step : {1, 2, 3, 4}) manager.save(step, state(step));
  std::filesystem::resize_file(manager.path_for(4), 300);
  std::string bytes = bytes_of(manager.path_for(3));
  bytes[300] = static_cast<char>(bytes[300] ^ 4);
  folder.write("step_00000003.npz", bytes);
  CHECK(*manager.latest() == manager.path_for(2));
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("step_00000004.npz") != std::string::npos);
  CHECK(warnings[0].find("truncated") != std::string::npos);
  CHECK(warnings[1].find("step_00000003.npz") != std::string::npos);
  CHECK(warnings[1].find("CRC-32") != std::string::npos);
}

TEST_CASE("every k-th and the best by a metric are kept too") {
  const Folder folder;
  const io::CheckpointManager manager(folder.path, {.keep = 2, .keep_every = 100, .keep_best = 1});
  const double metrics[] = {0.9, 0.5, 0.1, 0.7, 0.3, 0.2, 0.8};
  for (int i = 0; i < 7; ++i) manager.save(40 + i * 30, state(i), metrics[i]);
  // 40 70 100 130 160 190 220
  CHECK(manager.steps() == Steps{100, 190, 220});
  CHECK(*manager.best() == manager.path_for(100));
  const io::CheckpointManager higher(folder.path,
                                     {.keep = 1, .keep_best = 1, .lower_is_better = false});
  higher.save(250, state(1), 0.05);
  CHECK(higher.steps() == Steps{220, 250});
  CHECK(*higher.best() == higher.path_for(220));
  CHECK_THROWS_AS(higher.save(280, state(1), std::nan("")), Error);
}

TEST_CASE("a run that begins again keeps what it saves, not what its other future left") {
  const Folder folder;
  const io::CheckpointManager manager(folder.path, {.keep = 2});
  manager.save(100, state(1));
  manager.save(200, state(2));
  manager.save(50, state(3));
  CHECK(manager.steps() == Steps{50, 200});
}

TEST_CASE("keep = 0 keeps all") {
  const Folder folder;
  const io::CheckpointManager manager(folder.path, {.keep = 0});
  for (int step = 0; step < 8; ++step) manager.save(step, state(step));
  CHECK(manager.steps().size() == 8);
}
