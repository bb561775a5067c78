#pragma once

namespace mnemo::detail {

/// Whether this is compiled for the address sanitizer, which watches over memory from malloc alone.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)  // Clang
inline constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool address_sanitizer = false;
#endif

}  // namespace mnemo::detail
