// Offsets: the classical greedy for dynamic storage allocation. Place the buffers one after the other, each
// at the lowest offset that is free during its whole lifetime. The order decides: by size first; where that
// misses the lower bound, the buffers that found no room move forward in the order and all are placed again,
// a bounded number of times, from two starting orders.
#include "graph/lowering/planner.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/checked.h"

namespace mien {
namespace {

// A single buffer above this cannot be real; below it no sum of ours can overflow.
constexpr uint64_t kMaxPlacedBytes = uint64_t{1} << 40;

struct Item {
  Placement* place;
  uint64_t bytes;  // aligned
};

bool AliveTogether(const Item& a, const Item& b) {
  return a.place->first <= b.place->last && b.place->first <= a.place->last;
}

// Gives every item of `order` its offset; answers the end of the highest.
uint64_t Place(const std::vector<Item>& items, const std::vector<size_t>& order) {
  std::vector<size_t> placed;  // by offset
  uint64_t end = 0;
  for (size_t i : order) {
    uint64_t offset = 0;
    for (size_t other : placed) {
      if (!AliveTogether(items[i], items[other])) continue;
      if (items[other].place->offset >= offset + items[i].bytes) break;
      offset = std::max(offset, items[other].place->offset + items[other].bytes);
    }
    items[i].place->offset = offset;
    end = std::max(end, offset + items[i].bytes);
    const auto at = std::find_if(placed.begin(), placed.end(),
                                 [&](size_t other) { return items[other].place->offset > offset; });
    placed.insert(at, i);
  }
  return end;
}

// Items that stick out above `limit` found no room: each moves to an earlier place in the order, drawn from a
// fixed sequence so that plans are reproducible.
void MoveForward(const std::vector<Item>& items, uint64_t limit, uint64_t* sequence,
                 std::vector<size_t>* order) {
  for (size_t at = 0; at < order->size(); ++at) {
    const Item& item = items[(*order)[at]];
    if (item.place->offset + item.bytes <= limit) continue;
    *sequence = *sequence * 6364136223846793005u + 1442695040888963407u;
    const auto begin = order->begin() + static_cast<std::ptrdiff_t>((*sequence >> 33) % (at + 1));
    std::rotate(begin, order->begin() + static_cast<std::ptrdiff_t>(at),
                order->begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

using Order = std::vector<size_t>;

// Large ones first.
Order BySize(const std::vector<Item>& items) {
  Order order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return items[a].bytes > items[b].bytes; });
  return order;
}

// Those that stay to the end first, as they are born: in a graph with many outputs they pile up from address
// 0 and leave one free block above them. The others by size.
Order KeptFirst(const std::vector<Item>& items) {
  Order order = BySize(items);
  int end = 0;
  for (const Item& item : items) end = std::max(end, item.place->last);
  const auto kept = std::stable_partition(order.begin(), order.end(),
                                          [&](size_t i) { return items[i].place->last == end; });
  std::stable_sort(order.begin(), kept,
                   [&](size_t a, size_t b) { return items[a].place->first < items[b].place->first; });
  return order;
}

uint64_t PlaceBest(const std::vector<Item>& items, uint64_t lower_bound) {
  constexpr int kRounds = 500;
  Order best_order;
  uint64_t best = std::numeric_limits<uint64_t>::max(), sequence = 1;
  for (Order order : {BySize(items), KeptFirst(items)}) {
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t end = Place(items, order);
      if (end == lower_bound) return end;
      if (end < best) {
        best = end;
        best_order = order;
      }
      MoveForward(items, lower_bound, &sequence, &order);
    }
  }
  return Place(items, best_order);
}

// First and last steps of all values: from the call that makes them (inputs: step 0) to the last that reads
// or writes them.
void SetLifetimes(const Executable& executable, MemoryPlan* plan) {
  const int last_step = std::max(0, executable.plan_steps - 1);
  std::vector<bool> made(executable.values.size(), false);
  for (const Executable::Call& call : executable.calls) {
    for (ValueId id : call.out) {
      if (id == kAbsent) continue;
      Placement& place = plan->values[static_cast<size_t>(id)];
      if (!made[static_cast<size_t>(id)]) place.first = call.plan_step;
      made[static_cast<size_t>(id)] = true;
      place.last = std::max(place.last, call.plan_step);
    }
    for (ValueId id : call.in) {
      if (id == kAbsent) continue;
      int& last = plan->values[static_cast<size_t>(id)].last;
      last = std::max(last, call.plan_step);
    }
  }
  for (const NamedValue& output : executable.outputs)
    plan->values[static_cast<size_t>(output.value)].last = last_step;
  for (size_t v = 0; v < executable.values.size() && executable.keeps_values; ++v) {
    if (executable.values[v].window_rows > 0) continue;
    plan->values[v].first = 0;  // what the run before left is there when the next begins
    plan->values[v].last = last_step;
  }
}

Result<uint64_t> LowerBound(const std::vector<Item>& items, size_t steps) {
  std::vector<uint64_t> alive(std::max<size_t>(steps, 1), 0);
  for (const Item& item : items) {
    for (int step = item.place->first; step <= item.place->last; ++step) {
      const auto sum = CheckedAdd(alive[static_cast<size_t>(step)], item.bytes);
      if (!sum)
        return Status::Error(Code::kMemory, "more bytes are alive at step %d than can be counted", step);
      alive[static_cast<size_t>(step)] = *sum;
    }
  }
  return *std::max_element(alive.begin(), alive.end());
}

// Layers, scratch and what is carried, step by step.
void AddSteps(const Executable& executable, const ScratchBytes& scratch_bytes, MemoryPlan* plan) {
  for (const Executable::Call& call : executable.calls) {
    const auto step = static_cast<size_t>(call.plan_step);
    if (plan->steps[step].empty()) plan->steps[step] = call.layer;
    Placement& scratch = plan->scratch[step];
    scratch.bytes = std::max(scratch.bytes, scratch_bytes(call.kernel));
    scratch.first = scratch.last = call.plan_step;
    scratch.name = plan->steps[step] + " scratch";
    if (call.in_rows())
      plan->carries.push_back({0, CpuCarryBytes(call.cpu()), call.plan_step, call.plan_step, call.layer + " carried"});
  }
  if (executable.banded()) plan->steps.back() += " and on, in bands";
}

}  // namespace

Result<MemoryPlan> PlanMemory(const Executable& executable, const ScratchBytes& scratch_bytes) {
  MemoryPlan plan;
  plan.alignment = executable.alignment;
  plan.values.resize(executable.values.size());
  plan.scratch.resize(static_cast<size_t>(executable.plan_steps));
  plan.steps.resize(plan.scratch.size());
  SetLifetimes(executable, &plan);
  for (size_t v = 0; v < executable.values.size(); ++v) {
    const Executable::Value& value = executable.values[v];
    plan.values[v].name = value.name;
    plan.values[v].bytes = value.in_arena() ? value.bytes : 0;
  }
  AddSteps(executable, scratch_bytes, &plan);
  std::vector<Item> items;
  for (std::vector<Placement>* list : {&plan.values, &plan.scratch, &plan.carries}) {
    for (Placement& place : *list) {
      if (place.bytes > kMaxPlacedBytes) {
        return Status::Error(Code::kMemory, "%s: a buffer of %llu bytes is out of limits", place.name.c_str(),
                             static_cast<unsigned long long>(place.bytes));
      }
      if (place.bytes > 0) items.push_back({&place, *CheckedAlignUp(place.bytes, plan.alignment)});
    }
  }
  MIEN_ASSIGN(plan.lower_bound, LowerBound(items, plan.scratch.size()));
  plan.arena_bytes = PlaceBest(items, plan.lower_bound);
  return plan;
}

}  // namespace mien
