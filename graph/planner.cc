// Offsets: the classical greedy for dynamic storage allocation. Place the buffers one after the other, each
// at the lowest offset that is free during its whole lifetime. The order decides: by size first; where that
// misses the lower bound, the buffers that found no room move forward in the order and all are placed again,
// a bounded number of times, from two starting orders.
#include "graph/planner.h"

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

// Bytes of every value (0: a weight) and of the scratch of every step, and the step of every node.
struct Sizes {
  std::vector<uint64_t> values, scratch;
  std::vector<int> step;
  std::vector<Placement> carries;
  std::vector<bool> kept;  // values that stay to the end like outputs; empty: none
};

Result<uint64_t> FloatBytes(const std::string& name, int64_t floats) {
  const auto bytes = CheckedMul(static_cast<uint64_t>(std::max<int64_t>(floats, 0)), sizeof(float));
  if (floats >= 0 && bytes) return *bytes;
  return Status::Error(Code::kMemory, "%s: a buffer of %lld floats is out of limits", name.c_str(),
                       static_cast<long long>(floats));
}

// First and last steps of all values: from the node that makes them (inputs: step 0) to the last that reads
// or writes them.
template <class AnyGraph>
void SetLifetimes(const AnyGraph& graph, const std::vector<int>& steps, const std::vector<bool>& kept,
                  MemoryPlan* plan) {
  const int last_step = std::max(0, static_cast<int>(plan->scratch.size()) - 1);
  std::vector<bool> made(graph.values.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto& node = graph.nodes[n];
    const int step = steps[n];
    for (ValueId id : node.out) {
      if (id == kAbsent) continue;
      Placement& place = plan->values[static_cast<size_t>(id)];
      if (!made[static_cast<size_t>(id)]) place.first = step;
      made[static_cast<size_t>(id)] = true;
      place.last = std::max(place.last, step);
    }
    for (ValueId id : node.in) {
      if (id == kAbsent) continue;
      int& last = plan->values[static_cast<size_t>(id)].last;
      last = std::max(last, step);
    }
    plan->scratch[static_cast<size_t>(step)].first = step;
    plan->scratch[static_cast<size_t>(step)].last = step;
  }
  for (const NamedValue& output : graph.outputs)
    plan->values[static_cast<size_t>(output.value)].last = last_step;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    plan->values[i].first = 0;  // what the run before left is there when the next begins
    plan->values[i].last = last_step;
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

template <class AnyGraph>
Result<MemoryPlan> Plan(const AnyGraph& graph, const Sizes& sizes, uint64_t alignment) {
  MemoryPlan plan;
  plan.alignment = alignment;
  plan.values.resize(graph.values.size());
  plan.scratch.resize(sizes.scratch.size());
  SetLifetimes(graph, sizes.step, sizes.kept, &plan);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    plan.values[i].name = graph.values[i].name;
    plan.values[i].bytes = sizes.values[i];
  }
  plan.steps.resize(plan.scratch.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::vector<ValueId>& out = graph.nodes[i].out;
    const auto made = std::find_if(out.begin(), out.end(), [](ValueId id) { return id != kAbsent; });
    std::string& layer = plan.steps[static_cast<size_t>(sizes.step[i])];
    if (layer.empty() && made != out.end()) layer = plan.values[static_cast<size_t>(*made)].name;
  }
  for (size_t step = 0; step < plan.scratch.size(); ++step) {
    plan.scratch[step].name = plan.steps[step] + " scratch";
    plan.scratch[step].bytes = sizes.scratch[step];
  }
  plan.carries = sizes.carries;
  std::vector<Item> items;
  for (std::vector<Placement>* list : {&plan.values, &plan.scratch, &plan.carries}) {
    for (Placement& place : *list) {
      if (place.bytes > kMaxPlacedBytes) {
        return Status::Error(Code::kMemory, "%s: a buffer of %llu bytes is out of limits", place.name.c_str(),
                             static_cast<unsigned long long>(place.bytes));
      }
      if (place.bytes > 0) items.push_back({&place, *CheckedAlignUp(place.bytes, alignment)});
    }
  }
  MIEN_ASSIGN(plan.lower_bound, LowerBound(items, plan.scratch.size()));
  plan.arena_bytes = PlaceBest(items, plan.lower_bound);
  return plan;
}

}  // namespace

Result<MemoryPlan> PlanMemory(const Graph& graph, const Schedule& schedule, int threads) {
  Sizes sizes;
  sizes.step = schedule.moment;
  sizes.scratch.assign(static_cast<size_t>(schedule.moments), 0);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    Shape shape = value.shape;
    if (schedule.window_rows[i] > 0) shape.dim[2] = schedule.window_rows[i];
    sizes.kept.push_back(schedule.keeps_values && schedule.window_rows[i] == 0);
    const bool weight = value.kind == Value::Kind::kWeight;
    MIEN_ASSIGN(const uint64_t bytes, FloatBytes(value.name, weight ? 0 : shape.elements()));
    sizes.values.push_back(bytes);
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const auto scratch_floats = schedule.in_bands(n) ? OpRangeScratchFloats : OpScratchFloats;
    MIEN_ASSIGN(const uint64_t bytes,
                FloatBytes(OpName(node.op), scratch_floats(node.op, graph.InputShapes(node), threads)));
    uint64_t& scratch = sizes.scratch[static_cast<size_t>(schedule.moment[n])];
    scratch = std::max(scratch, bytes);
    if (!schedule.in_bands(n)) continue;
    const std::string& layer = graph.values[static_cast<size_t>(node.out[0])].name;
    MIEN_ASSIGN(const uint64_t carried, FloatBytes(layer, OpCarryFloats(node.op, graph.InputShapes(node))));
    sizes.carries.push_back({0, carried, schedule.moment[n], schedule.moment[n], layer + " carried"});
  }
  MIEN_ASSIGN(MemoryPlan plan, Plan(graph, sizes, kHostAlignment));
  if (schedule.banded()) plan.steps.back() += " and on, in bands";
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const int64_t rows = schedule.window_rows[i];
    if (rows > 0)
      plan.values[i].name +=
          ", " + std::to_string(rows) + " of " + std::to_string(graph.values[i].shape[2]) + " rows";
  }
  return plan;
}

Result<MemoryPlan> PlanMemory(const DeviceGraph& graph, const Executor& executor) {
  Sizes sizes;
  for (const DeviceValue& value : graph.values)
    sizes.values.push_back(value.kind == Value::Kind::kWeight ? 0 : value.bytes);
  for (const DeviceNode& node : graph.nodes) sizes.scratch.push_back(executor.scratch_bytes(node.op));
  sizes.step.resize(graph.nodes.size());
  std::iota(sizes.step.begin(), sizes.step.end(), 0);
  return Plan(graph, sizes, kDeviceAlignment);
}

}  // namespace mien
