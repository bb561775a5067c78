#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace examples {

/// The options of a program. Numbers are plain decimals, read without a locale; an option given twice,
/// unknown or out of its range is a mistake in usage.
class CommandLine {
 public:
  CommandLine(std::string program, const std::string& description);
  ~CommandLine();

  void flag(const std::string& name, bool& value, const std::string& help);
  void option(const std::string& name, std::string& value, const std::string& help);
  /// `value` is the default, shown in the help.
  void option(const std::string& name, std::int64_t& value, const std::string& help,
              std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max());
  void option(const std::string& name, std::optional<std::int64_t>& value, const std::string& help,
              std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max());
  /// The two options cannot be given together.
  void exclusive(const std::string& name, const std::string& other);

  /// Nothing if the program is to go on; otherwise the status to exit with: 0 after the help, 2 after a
  /// mistake in usage, which it has printed on stderr in one line.
  std::optional<int> parse(int argc, const char* const* argv);

  const std::string& program() const { return program_; }
  /// The command as it was given, to be shown to the user: with the flag `with`, without `without`.
  std::string repeated_with(const std::string& with, const std::string& without) const;

 private:
  void number(const std::string& name, const std::string& help, const std::string& shown_default,
              std::int64_t least, std::int64_t most, std::function<void(std::int64_t)> set);

  std::string program_;
  std::vector<std::string> arguments_;
  std::unique_ptr<CLI::App> app_;
};

/// Runs `body` and returns its status; an exception becomes one line on stderr and status 1.
int run_main(const std::string& program, const std::function<int()>& body);

/// Throws mnemo::Error: what cannot be written, what the system says (`error` is its errno), what to do.
[[noreturn]] void fail(const std::filesystem::path& path, int error);

/// Makes the folder that a program writes to. Throws mnemo::Error that says what to do where it cannot.
void make_folder(const std::filesystem::path& folder);

}  // namespace examples
