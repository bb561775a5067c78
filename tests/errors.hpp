#pragma once
#include <functional>
#include <initializer_list>
#include <string>

#include "mnemo/core/error.hpp"

/// The message of the mnemo::Error that `action` throws, or "no error".
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const mnemo::Error& error) {
    return error.what();
  }
  return "no error";
}

/// Whether each of `parts` stands somewhere in `text`.
inline bool mentions(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (text.find(part) == std::string::npos) return false;
  }
  return true;
}
