// A program whose test case ends it with status 0: run_test.sh shows that this is no pass.
#include <doctest/doctest.h>

#include <cstdlib>

TEST_CASE("ends the program") { std::exit(0); }
