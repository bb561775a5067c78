#include "mnemo/io/checkpoint.hpp"

#include "io_files.hpp"
TEST_CASE("x"){}
