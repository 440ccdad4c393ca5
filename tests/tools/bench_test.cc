// mien bench and selftest from outside.
#include <doctest/doctest.h>

#include "kernels/ops.h"
#include "tests/tools/run_program.h"

namespace mien {
namespace {

using namespace testing;

TEST_CASE(
    "bench and selftest measure this machine's CPU; without a device cuda answers 5, and auto says why") {
  const Ran bench = Mien({"bench", "--backend", "cpu", "--graph", "flow", "--repeat", "3", "-o", "csv"});
  CHECK(bench.code == 0);
  CHECK(bench.out.starts_with("program,precision,batch,p50 ms"));
  CHECK(bench.out.find("flow,fp32,1,") != std::string::npos);
  const Ran all = Mien({"bench", "--backend", "cpu", "--repeat", "1", "-o", "json"});
  CHECK(all.code == 0);
  CHECK(all.out.find("\"program\": \"recognizer\"") != std::string::npos);
  const Ran selftest = Run({"selftest", "--backend", "cpu", "--quick"});
  CHECK(selftest.code == 0);
  const size_t ops = std::variant_size_v<AnyOp> - 1;  // but the empty one
  CHECK(selftest.out.find(std::to_string(ops) + " passed, 0 failed") != std::string::npos);
  if (Run({"selftest", "--backend", "cuda", "--quick"}).code == 0) return;  // there is a device
  for (const char* verb : {"bench", "selftest"}) CHECK(Mien({verb, "--backend", "cuda"}).code == 5);
  CHECK(Mien({"synth", "--backend", "cuda", "-o", Fresh("x.png")}).code == 5);
  CHECK(Mien({"synth", "-v", "-o", Fresh("x.png")}).err.find("auto chose cpu: ") != std::string::npos);
}

}  // namespace
}  // namespace mien
