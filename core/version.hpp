#pragma once
#include <string_view>

namespace mnemo {

/// The version of the library that the program is linked with, as "major.minor.patch"
/// (semver.org): "0.1.0".
std::string_view version();

}  // namespace mnemo
