// What `mien selftest --backend cuda` does, on the host runner; and that it can fail.
#include <algorithm>
#include <cstdio>

#include "runtime/check/instruction_check.h"
#include "tests/cuda/runtime/support.h"

namespace mien::testing {
namespace {

TEST_CASE("every op passes its own cases on the device, plain and fast") {
  const auto device = OpenDevice(&simt::TheExecutor(), 0);
  REQUIRE(device.ok());
  const auto checks = CheckOpsOnDevice(*device, true);
  REQUIRE_MESSAGE(checks.ok(), checks.status().message());
  CHECK(checks->size() == 3 * (std::variant_size_v<AnyOp> - 1));
  for (const OpCheck& check : *checks) {
    CAPTURE(check.op);
    CAPTURE(check.form);
    CAPTURE(check.nearest);
    CHECK(check.cases > 0);
    CHECK_MESSAGE(check.passed(), check.error << ", at most " << check.tolerance << " expected");
    std::printf("%-16s %-4s %2d cases  error %8.2e  tolerance %8.2e\n", check.op.c_str(), check.form.c_str(),
                check.cases, check.error, check.tolerance);
  }
}

TEST_CASE("every wrapper of ptx.cuh means on the device what it means on the host") {
  const auto device = OpenDevice(&simt::TheExecutor(), 0);
  REQUIRE(device.ok());
  const auto checks = CheckWrappersOnDevice(*device);
  REQUIRE_MESSAGE(checks.ok(), checks.status().message());
  CHECK(checks->size() == static_cast<size_t>(Wrapper::kCount));
  for (const OpCheck& check : *checks) CHECK_MESSAGE(check.passed(), check.op << ": " << check.error);
}

// Which wrapper the device below takes for which.
Wrapper mistaken = Wrapper::kCount, taken_for = Wrapper::kCount;

TEST_CASE("a device whose instruction means another one is found out") {
  static Executor wrong = simt::TheExecutor();
  wrong.run_wrapper = [](Wrapper wrapper, const WrapperCall& call) {
    return simt::TheExecutor().run_wrapper(wrapper == mistaken ? taken_for : wrapper, call);
  };
  const auto device = OpenDevice(&wrong, 0);
  REQUIRE(device.ok());
  for (int w = 0; w < static_cast<int>(Wrapper::kCount); ++w) {
    mistaken = static_cast<Wrapper>(w);
    taken_for = static_cast<Wrapper>((w + 3) % static_cast<int>(Wrapper::kCount));  // of another kind
    CAPTURE(std::string(WrapperName(mistaken)));
    const auto checks = CheckWrappersOnDevice(*device);
    REQUIRE(checks.ok());
    for (int k = 0; k < static_cast<int>(Wrapper::kCount); ++k)
      CHECK((*checks)[static_cast<size_t>(k)].passed() == (k != w));
  }
}

TEST_CASE("a device that computes something else is found out") {
  static Executor wrong = simt::TheExecutor();
  wrong.run = [](const FastOp& op, std::span<void* const> in, std::span<void* const> out, void* scratch,
                 Stream stream) -> Status {
    FastOp changed = op;
    if (auto* plain = std::get_if<PlainOp>(&changed)) {
      auto* call = std::get_if<OpCall<PixelNorm>>(&plain->op);
      if (call != nullptr) call->params.eps = 1.0f;
    }
    return simt::TheExecutor().run(changed, in, out, scratch, stream);
  };
  const auto device = OpenDevice(&wrong, 0);
  REQUIRE(device.ok());
  const auto checks = CheckOpsOnDevice(*device, true);
  REQUIRE_MESSAGE(checks.ok(), checks.status().message());
  for (const OpCheck& check : *checks) {
    if (check.op == "pixel_norm" && check.form == "fp32") CHECK_FALSE(check.passed());
    if (check.op == "add") CHECK(check.passed());
  }
}

}  // namespace
}  // namespace mien::testing
