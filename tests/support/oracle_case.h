// A recording of tests/oracle: a recipe for weights and inputs (or model files), and what the PyTorch replica computed.
#pragma once

#include <string>

namespace mien::parity {

// Converts every model of the case, runs every run of it, judges every output; then runs it unfused and compares.
void TestOracleCase(const std::string& name, int threads);

}  // namespace mien::parity
