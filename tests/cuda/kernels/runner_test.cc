// The runner itself: correct kernels give the right numbers in every thread order, every planted bug is
// noticed by the means that the table in kernels/device/simt/README.md names, and a bad launch is an error.
#include "kernels/device/simt/runner.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/cuda/kernels/planted.h"
#include "tests/cuda/kernels/proof.h"
#include "tests/cuda/kernels/support.h"

namespace mien::simt {
namespace {

// What became of a kernel in one thread order.
struct Outcome {
  bool failed = false, has_nan = false, equal = false;
  std::string message;
};

Outcome Planted(Bug bug) {
  GlobalArray<float> in(64), out(64);
  for (size_t i = 0; i < 64; ++i) in[i] = static_cast<float>(i + 1);
  PoisonGlobal(out.data());
  const Status status = RunPlanted(bug, in.data(), out.data());
  Outcome outcome = {!status.ok(), false, true, status.message()};
  for (size_t i = 0; i < 64; ++i) {
    outcome.has_nan |= std::isnan(out[i]);
    outcome.equal &= out[i] == 4.0f * in[(i + 32) % 64] + 2.0f * in[i ^ 1];
  }
  return outcome;
}

Outcome Pipeline(PipelineBug bug, int tiles) {
  GlobalArray<float> in(static_cast<size_t>(64 * tiles)), out(64);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 97);
  const Status status = RunPipeline(bug, in.data(), out.data(), tiles);
  Outcome outcome = {!status.ok(), false, true, status.message()};
  for (size_t i = 0; i < 64; ++i) {
    float expected = 0.0f;
    for (size_t t = 0; t < static_cast<size_t>(tiles); ++t) expected += in[t * 64 + (i + 32) % 64];
    outcome.has_nan |= std::isnan(out[i]);
    outcome.equal &= out[i] == expected;
  }
  return outcome;
}

// In how many of the orders the answer is wrong.
template <class Run>
int WrongOrders(const Run& run) {
  int wrong = 0;
  ForEachOrder([&] { wrong += !run().equal; });
  return wrong;
}

void CheckReport(Bug bug, const char* first, const char* second) {
  CAPTURE(static_cast<int>(bug));
  ForEachOrder([&] {
    const Outcome outcome = Planted(bug);
    CAPTURE(outcome.message);
    CHECK(outcome.failed);
    CHECK(outcome.message.find(first) != std::string::npos);
    CHECK(outcome.message.find(second) != std::string::npos);
    CHECK(outcome.message.find("Planted (order") == 0);
  });
}

TEST_CASE("correct kernels give the same numbers in every order, without a race") {
  ForEachOrder([] {
    const Outcome planted = Planted(Bug::kNone), pipeline = Pipeline({}, 8);
    CAPTURE(planted.message);
    CAPTURE(pipeline.message);
    CHECK((planted.equal && !planted.failed));
    CHECK((pipeline.equal && !pipeline.failed));
  });
  if (HooksPresent()) CHECK(HookedAccesses() > 1000);
}

TEST_CASE("missing barriers: wrong numbers in some orders; the hooks see them in every order") {
  for (const Bug bug : {Bug::kNoBarrierAfterStore, Bug::kNoBarrierBeforeStore, Bug::kNoSyncWarp}) {
    CAPTURE(static_cast<int>(bug));
    if (HooksPresent()) {
      CheckReport(bug, "races", "planted.cu:");
    } else if (bug != Bug::kNoBarrierBeforeStore) {  // whose second round stores the numbers of the first
      CHECK(WrongOrders([&] { return Planted(bug); }) > 0);
    }
  }
}

TEST_CASE("asynchronous copies land in their wait and not before") {
  const PipelineBug lax = {true, false, false}, trailing = {false, true, false},
                    leading = {false, false, true};
  ForEachOrder([&] {
    if (HooksPresent()) return;  // the launch fails there already
    CHECK(Pipeline(lax, 8).has_nan);
  });
  if (HooksPresent()) {
    ForEachOrder([&] {
      CHECK(Pipeline(lax, 8).message.find("asynchronous copy, still under way, at planted.cu:") !=
            std::string::npos);
      CHECK(Pipeline(trailing, 8).message.find("races") != std::string::npos);
      CHECK(Pipeline(leading, 8).message.find("races") != std::string::npos);
    });
  } else {
    for (const PipelineBug& bug : {trailing, leading})
      CHECK(WrongOrders([&] { return Pipeline(bug, 8); }) > 0);
  }
  // With as many tiles as stages there is nothing to overwrite, so the trailing barrier has no work: tests of
  // a pipeline need at least two steps more than its depth.
  CHECK(WrongOrders([&] { return Pipeline(trailing, 2); }) == 0);
  CheckReport(Bug::kCopyNotAwaited, "planted.cu:", "ends before this asynchronous copy has landed");
}

TEST_CASE("shared memory starts as NaN") {
  ForEachOrder([] { CHECK(Planted(Bug::kUninitialisedShared).has_nan); });
}

// Integers have no NaN: the poison is the -1 by which tables say "nothing".
TEST_CASE("the hooks see reads of what nobody wrote") {
  if (!HooksPresent()) return;
  CheckReport(Bug::kUninitialisedShared, "0 races and 128 reads of what nobody wrote", "read at planted.cu:");
  for (const Bug bug : {Bug::kUninitialisedTable, Bug::kUninitialisedScratch}) {
    CHECK_FALSE(Planted(bug).has_nan);
    CheckReport(bug, "of what nobody wrote", "read at planted.cu:");
  }
}

TEST_CASE("accesses outside the arrays") {
  if (HooksPresent()) {
    CheckReport(Bug::kReadBeyond,
                "read of 4 bytes outside every global array at planted.cu:", "thread (63,0,0)");
    CheckReport(Bug::kWriteBeyond,
                "write of 4 bytes outside every global array at planted.cu:", "thread (63,0,0)");
    CheckReport(Bug::kSharedBeyond,
                "write of 4 bytes outside every shared array at planted.cu:", "thread (63,0,0)");
  } else if (!AddressSanitizerPresent()) {  // which would end the program
    CHECK(Planted(Bug::kReadBeyond).has_nan);
    CheckReport(Bug::kWriteBeyond, "a write outside a global array of 256 bytes", "");
  }
}

TEST_CASE("races between blocks and between lanes of a warp") {
  if (!HooksPresent()) return;
  CheckReport(Bug::kBlocksRace, "races", "of another block");
  CheckReport(Bug::kTwoLanesWrite, "races", "write at planted.cu:");
}

TEST_CASE("barriers and masks that cannot work are reports, not hangs") {
  CheckReport(Bug::kDivergentBarrier, "divergent barrier: thread (", "block (0,0,0)");
  CheckReport(Bug::kEndedBeforeBarrier, "thread (17,0,0)", "barrier");
  CheckReport(Bug::kBarrierInsideWarpOp,
              "deadlock in block (0,0,0): 32 threads wait at a barrier, 32 in a warp", "mask");
  CheckReport(Bug::kMaskWithoutCaller, "shuffle: mask 0000ffff leaves out lane", "planted.cu:");
  CheckReport(Bug::kMaskWithEndedLane, "shuffle", "mask ffffffff");
  CheckReport(Bug::kShuffleFromOutsideMask, "which mask 0000ffff does not name", "planted.cu:");
  CheckReport(Bug::kMisaligned, "misaligned access of 16 bytes", "thread (0,0,0)");
}

TEST_CASE("a bad launch is an error, and the next launch works") {
  GlobalArray<float> in(4096), out(2);
  std::fill(in.begin(), in.end(), 1.0f);
  for (const int threads : {0, 1056}) {
    const Status status = RunBlockSum(in.data(), out.data(), 1, 4096, threads);
    CAPTURE(std::string(status.message()));
    CHECK(status.code() == Code::kDevice);
    CHECK(std::string(status.message()).find("SumBlocks: ") == 0);
  }
  CHECK(!RunBlockSum(in.data(), out.data(), 0, 4096, 32).ok());
  Options options;
  options.shared_limit = 64;  // SumBlocks has 128 bytes
  Configure(options);
  CHECK(std::string(RunBlockSum(in.data(), out.data(), 1, 4096, 32).message()).find("shared memory") !=
        std::string::npos);
  Configure({});
  CHECK(RunBlockSum(in.data(), out.data(), 1, 4096, 1024).ok());
  CHECK(out[0] == 4096.0f);
}

}  // namespace
}  // namespace mien::simt
