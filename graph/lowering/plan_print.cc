// A memory plan as a table.
#include <algorithm>
#include <cstdio>

#include "graph/lowering/planner.h"

namespace mien {
namespace {

// Everything that has bytes, in the order of time, then address.
std::vector<const Placement*> Placed(const MemoryPlan& plan) {
  std::vector<const Placement*> placed;
  for (const std::vector<Placement>* list : {&plan.values, &plan.scratch, &plan.carries}) {
    for (const Placement& place : *list) {
      if (place.bytes > 0) placed.push_back(&place);
    }
  }
  std::stable_sort(placed.begin(), placed.end(), [](const Placement* a, const Placement* b) {
    return std::pair(a->first, a->offset) < std::pair(b->first, b->offset);
  });
  return placed;
}

}  // namespace

std::string PlanTable(const MemoryPlan& plan) {
  std::string text = "  first   last       offset        bytes  name\n";
  char line[128];
  for (const Placement* place : Placed(plan)) {
    std::snprintf(line, sizeof line, "%7d %6d %12llu %12llu  ", place->first, place->last,
                  static_cast<unsigned long long>(place->offset),
                  static_cast<unsigned long long>(place->bytes));
    text += line + place->name + "\n";
  }
  std::snprintf(line, sizeof line, "arena %llu bytes, lower bound %llu bytes\n",
                static_cast<unsigned long long>(plan.arena_bytes),
                static_cast<unsigned long long>(plan.lower_bound));
  return text + line;
}

}  // namespace mien
