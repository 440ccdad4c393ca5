// Full-size networks of the kinds that have no recorded public output, against the PyTorch replicas (tests/oracle).
#include "tests/support/oracle_case.h"

#include <doctest/doctest.h>

TEST_CASE("recognizer, IR-SE-50") { mien::parity::TestOracleCase("full_ir50", 2); }
TEST_CASE("e4e encoder with 14 rows") { mien::parity::TestOracleCase("full_e4e14", 2); }
TEST_CASE("generator, channel multiplier 1") { mien::parity::TestOracleCase("full_g64_cm1", 2); }
