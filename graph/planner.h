// Memory plan: every computed value, input and scratch buffer gets its place in one arena. Greedy by size,
// ties by index, at the lowest offset free during the whole lifetime; improved where that misses the lower
// bound. The same graph and number of threads give the same plan. CheckPlan shares no code with PlanMemory.
// Graphs of ops are planned for the host, device graphs for the scratch that their executor's kernels need.
#pragma once

#include <string>
#include <vector>

#include "graph/lowering/device_graph.h"
#include "graph/schedule.h"
#include "kernels/executor/executor.h"

namespace mien {

struct Placement {
  uint64_t offset = 0;
  uint64_t bytes = 0;       // before alignment
  int first = 0, last = 0;  // steps during which it is alive, inclusive
  std::string name;
};

struct MemoryPlan {
  uint64_t alignment = 0;          // of every offset
  std::vector<Placement> values;   // one per value of the graph; weights have bytes = 0
  std::vector<Placement> scratch;  // one per step; bytes may be 0
  std::vector<Placement> carries;  // one per node in bands: what it keeps from one range of rows to the next
  std::vector<std::string> steps;  // the layer of each
  uint64_t arena_bytes = 0;
  uint64_t lower_bound = 0;  // largest sum alive at any step
};

constexpr uint64_t kHostAlignment = 64, kDeviceAlignment = 256;

// Graph inputs are alive from the first step (the caller fills them), outputs to the last; a value that
// several nodes write parts of, from the first of them.
//
// A step of the plan is a node; on the host a moment of the schedule, so that all nodes in bands are one:
// their windows are alive together, and they share one scratch buffer, that of the neediest.
Result<MemoryPlan> PlanMemory(const Graph& graph, const Schedule& schedule, int threads);
Result<MemoryPlan> PlanMemory(const DeviceGraph& graph, const Executor& executor);
// Of the host's, also the schedule: walked step by step, every row that is read is in memory.
Status CheckPlan(const Graph& graph, const Schedule& schedule, int threads, const MemoryPlan& plan);
Status CheckPlan(const DeviceGraph& graph, const Executor& executor, const MemoryPlan& plan);
std::string PlanTable(const MemoryPlan& plan);  // text
// SVG: time to the right, addresses upwards.
std::string PlanPicture(const MemoryPlan& plan, const std::string& title);

}  // namespace mien
