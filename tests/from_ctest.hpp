#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>

/// What ctest tells the tests of the source folder and of Python, in their environment.
inline std::string from_ctest(const char* name) {
  const char* const value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string(name) + " is not set: run this through ctest");
  return value;
}
