// Memory plans on devices, with the scratch that the real kernels ask for: every network of every size, in every
// precision, reaches the lower bound and passes the independent check.
#include <doctest/doctest.h>

#include "graph/lowering/lower.h"
#include "graph/lowering/planner.h"
#include "kernels/executor/executor.h"
#include "tests/graph/support.h"

namespace mien::testing {
namespace {

uint64_t ScratchOnHostRunner(const Kernel& kernel) {
  return simt::TheExecutor().scratch_bytes(std::get<FastOp>(kernel));
}

void CheckReachesBound(const std::vector<NamedConfig>& configs, int batch, Precision precision, bool trace) {
  for (const NamedConfig& named : configs) {
    for (const Result<Graph>& graph : BuildAll(named.config, batch, trace)) {
      REQUIRE(graph.ok());
      const Result<Executable> device = LowerForDevice(*graph, precision);
      REQUIRE(device.ok());
      INFO(named.name, ", ", graph->name, ", batch ", batch, ", precision ", static_cast<int>(precision), ", trace ",
           trace);
      const auto plan = PlanMemory(*device, ScratchOnHostRunner);
      REQUIRE(plan.ok());
      CHECK(plan->arena_bytes == plan->lower_bound);
      const Status checked = CheckPlan(*device, ScratchOnHostRunner, *plan);
      INFO(checked.message());
      CHECK(checked.ok());
    }
  }
}

TEST_CASE("our networks on a device reach the lower bound") {
  for (const Precision precision : {Precision::kFloat, Precision::kTf32, Precision::kHalf}) {
    for (int batch = 1; batch <= 4; ++batch) {
      CheckReachesBound(FullConfigs(), batch, precision, false);
      CheckReachesBound(SmallConfigs(), batch, precision, false);
    }
  }
  CheckReachesBound(FullConfigs(), 1, Precision::kFloat, true);
  CheckReachesBound(SmallConfigs(), 2, Precision::kFloat, true);
}

}  // namespace
}  // namespace mien::testing
