// Kinds of network without recorded public outputs, against PyTorch replicas (tests/oracle); and the public kinds saved
// the many ways people save checkpoints. Each also shows that the fused graph agrees with the unfused one.
#include "tests/support/oracle_case.h"

#include <doctest/doctest.h>

namespace {
void TestCases(std::initializer_list<const char*> names) {
  for (int threads : {1, 2}) {
    for (const char* name : names) mien::parity::TestOracleCase(name, threads);
  }
}
}  // namespace

TEST_CASE("oracle: generators") { TestCases({"nvidia_conditional", "nvidia_keys", "rosinality_64px"}); }
TEST_CASE("oracle: encoders") { TestCases({"encoder14_small", "encoder12_128px", "encoder10_64px", "psp_encoder"}); }
TEST_CASE("oracle: recognizer") { TestCases({"recognizer_small"}); }
TEST_CASE("oracle: attributes") { TestCases({"attributes_small"}); }
TEST_CASE("oracle: flows") {
  TestCases({"flow_additive", "flow_no_norm", "flow_odd", "flow_odd_no_norm", "flow_norm_within"});
}
TEST_CASE("checkpoints: rosinality") { TestCases({"ckpt_rosinality", "ckpt_half", "ckpt_no_noises"}); }
TEST_CASE("checkpoints: e4e with its decoder") { TestCases({"ckpt_e4e"}); }
TEST_CASE("checkpoints: flow") { TestCases({"ckpt_flow"}); }
TEST_CASE("checkpoints: evaluation networks") { TestCases({"ckpt_recognizer", "ckpt_attributes"}); }
