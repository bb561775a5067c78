#include "common/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include "mnemo/core/error.hpp"

namespace examples {
namespace {

/// Whole decimal numbers only: "010", "0x10" and "1e3" are too easily misread.
std::int64_t parse_number(const std::string& text, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool out_of_range = error == std::errc::result_out_of_range;
  if ((error != std::errc{} && !out_of_range) || stopped != end) {
    throw CLI::ConversionError("'" + text + "' is not a whole number");
  }
  if (out_of_range || value < least || value > most) {
    std::string range = "at least " + std::to_string(least);
    if (most != std::numeric_limits<std::int64_t>::max())
      range += ", at most " + std::to_string(most);
    throw CLI::ValidationError("'" + text + "' is out of range: " + range + " is needed");
  }
  return value;
}

/// As a shell reads it back.
std::string quoted(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string result = "'";
  for (const char character : text) {
    if (character == '\'') {
      result += "'\\''";
    } else {
      result += character;
    }
  }
  return result + "'";
}

}  // namespace

CommandLine::CommandLine(std::string program, const std::string& description)
    : program_(std::move(program)), app_(std::make_unique<CLI::App>(description, program_)) {
  app_->set_help_flag("-h,--help", "Print this and exit");
}

CommandLine::~CommandLine() = default;

void CommandLine::flag(const std::string& name, bool& value, const std::string& help) {
  app_->add_flag(name, value, help)->disable_flag_override();
}

void CommandLine::option(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str();
}

void CommandLine::option(const std::string& name, std::int64_t& value, const std::string& help,
                         std::int64_t least, std::int64_t most) {
  number(name, help, std::to_string(value), least, most, [&value](std::int64_t n) { value = n; });
}

void CommandLine::option(const std::string& name, std::optional<std::int64_t>& value,
                         const std::string& help, std::int64_t least, std::int64_t most) {
  number(name, help, "", least, most, [&value](std::int64_t n) { value = n; });
}

void CommandLine::exclusive(const std::string& name, const std::string& other) {
  app_->get_option(name)->excludes(app_->get_option(other));
}

void CommandLine::number(const std::string& name, const std::string& help,
                         const std::string& shown_default, std::int64_t least, std::int64_t most,
                         std::function<void(std::int64_t)> set) {
  auto read = [name, least, most, set = std::move(set)](const std::string& text) {
    try {
      set(parse_number(text, least, most));
    } catch (const CLI::ParseError& error) {
      throw CLI::ValidationError(name, error.what());
    }
  };
  CLI::Option* option = app_->add_option_function<std::string>(name, read, help)->type_name("N");
  if (!shown_default.empty()) option->default_str(shown_default);
}

std::optional<int> CommandLine::parse(int argc, const char* const* argv) {
  arguments_.assign(argv, argv + argc);
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::fputs(app_->help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s (see %s --help)\n", program_.c_str(), error.what(),
                 program_.c_str());
    return 2;
  }
}

std::string CommandLine::repeated_with(const std::string& with, const std::string& without) const {
  std::string command;
  bool present = false;
  for (const std::string& argument : arguments_) {
    if (argument == without) continue;
    present |= argument == with;
    if (!command.empty()) command += ' ';
    command += quoted(argument);
  }
  return present ? command : command + ' ' + with;
}

int run_main(const std::string& program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return 1;
  }
}

void fail(const std::filesystem::path& path, int error) {
  const bool room = error == ENOSPC || error == EDQUOT;
  throw mnemo::Error(path.string() + ": " + std::generic_category().message(error) +
                     (room ? "; make room there and go on with --resume, or name another folder "
                             "with --out"
                           : "; name another folder with --out, or go to one where you may write"));
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(folder, error.value());
}

}  // namespace examples
