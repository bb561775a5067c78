#pragma once
#include <cstdint>

namespace mnemo {

/// How many threads mnemo's operations use, the caller's included. The default is the number of
/// processors this process may run on. The results do not depend on it. Throws Error below 1.
void set_threads(int count);
/// How many threads that is now.
int threads();

}  // namespace mnemo
