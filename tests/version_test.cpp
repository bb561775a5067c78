#include <doctest/doctest.h>

#include "mnemo/mnemo.hpp"

TEST_CASE("version() is the version of the build") {
  CHECK(mnemo::version() == MNEMO_TEST_VERSION);
}
