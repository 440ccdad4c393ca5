// Memory plan: every computed value, input and scratch buffer gets its place in one arena. Greedy by size,
// ties by index, at the lowest offset free during the whole lifetime; improved where that misses the lower
// bound. The same graph and number of threads give the same plan. CheckPlan shares no code with PlanMemory.
// One plan for the CPU and for devices.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/lowering/executable.h"

namespace mien {

struct Placement {
  uint64_t offset = 0;
  uint64_t bytes = 0;       // before alignment
  int first = 0, last = 0;  // steps during which it is alive, inclusive
  std::string name;
};

struct MemoryPlan {
  uint64_t alignment = 0;          // of every offset
  std::vector<Placement> values;   // one per value of the executable; weights and parameters have bytes = 0
  std::vector<Placement> scratch;  // one per step; bytes may be 0
  std::vector<Placement> carries;  // one per call in rows: what it keeps from one range of rows to the next
  std::vector<std::string> steps;  // the layer of each
  uint64_t arena_bytes = 0;
  uint64_t lower_bound = 0;  // largest sum alive at any step
};

using ScratchBytes = std::function<uint64_t(const Kernel& kernel)>;  // what the backend's kernels ask for

// Inputs are alive from the first step (the caller fills them), outputs to the last; a value that several calls write
// parts of, from the first of them.
//
// A step of the plan is a call, and all calls in bands are one: their windows are alive together, and they share one
// scratch buffer, that of the neediest.
Result<MemoryPlan> PlanMemory(const Executable& executable, const ScratchBytes& scratch_bytes);
// Also of the steps: walked one by one, every row that is read is in memory (CheckSteps).
Status CheckPlan(const Executable& executable, const ScratchBytes& scratch_bytes, const MemoryPlan& plan);
std::string PlanTable(const MemoryPlan& plan);  // text
// SVG: time to the right, addresses upwards.
std::string PlanPicture(const MemoryPlan& plan, const std::string& title);

}  // namespace mien
