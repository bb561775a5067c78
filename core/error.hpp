#pragma once
#include <stdexcept>
#include <string>

namespace mnemo {

/// What mnemo throws when it is given something it cannot work with. The message begins with the
/// operation or the file, then says what was found and what was expected, with names and shapes.
class Error : public std::runtime_error {
 public:
  /// `message` is what `what()` gives.
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace mnemo
