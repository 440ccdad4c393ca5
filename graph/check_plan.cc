// The second opinion on a memory plan: walks the steps, collects who is alive by asking the graph anew, and
// looks for overlaps among neighbours by address. Shares no code with planner.cc.
#include <algorithm>
#include <set>

#include "graph/planner.h"

namespace mien {
namespace {

Status Wrong(const Placement& place, const char* what, uint64_t expected, uint64_t found) {
  return Status::Error(Code::kFailure, "memory plan: %s: %s %llu expected, %llu found", place.name.c_str(),
                       what, static_cast<unsigned long long>(expected),
                       static_cast<unsigned long long>(found));
}

Status CheckBytes(const Placement& place, uint64_t bytes, const MemoryPlan& plan) {
  if (place.bytes != bytes) return Wrong(place, "bytes", bytes, place.bytes);
  if (bytes == 0) return {};
  if (place.offset % plan.alignment != 0) return Wrong(place, "alignment", 0, place.offset % plan.alignment);
  if (place.offset > plan.arena_bytes || plan.arena_bytes - place.offset < bytes)
    return Wrong(place, "end at most", plan.arena_bytes, place.offset + bytes);
  return {};
}

// Steps (as node numbers) of the first and last use of every value, found value by value from the end of the
// graph.
template <class AnyGraph>
class Uses {
 public:
  explicit Uses(const AnyGraph& graph) : graph_(graph), kept_(graph.values.size(), false) {
    for (const NamedValue& output : graph.outputs) kept_[static_cast<size_t>(output.value)] = true;
    readers_.resize(graph.values.size());
    makers_.resize(graph.values.size(), 0);
    for (size_t n = graph.nodes.size(); n-- > 0;) {
      for (ValueId id : graph.nodes[n].in) {
        if (id >= 0) readers_[static_cast<size_t>(id)].insert(n);
      }
      for (ValueId id : graph.nodes[n].out) {
        if (id < 0) continue;
        makers_[static_cast<size_t>(id)] = n;
        readers_[static_cast<size_t>(id)].insert(n);  // whoever writes a part needs it too
      }
    }
  }
  size_t first(size_t value) const { return makers_[value]; }
  size_t last(size_t value) const {
    if (kept_[value]) return graph_.nodes.empty() ? 0 : graph_.nodes.size() - 1;
    return readers_[value].empty() ? 0 : *readers_[value].rbegin();
  }

 private:
  const AnyGraph& graph_;
  std::vector<bool> kept_;
  std::vector<std::set<size_t>> readers_;
  std::vector<size_t> makers_;
};

Status CheckStep(std::vector<const Placement*> alive, size_t step, uint64_t alignment, uint64_t* sum) {
  std::sort(alive.begin(), alive.end(),
            [](const Placement* a, const Placement* b) { return a->offset < b->offset; });
  for (size_t i = 0; i < alive.size(); ++i) {
    const Placement& place = *alive[i];
    *sum += (place.bytes + alignment - 1) / alignment * alignment;
    if (i + 1 < alive.size() && alive[i + 1]->offset - place.offset < place.bytes) {
      return Status::Error(Code::kFailure, "memory plan: %s and %s overlap at step %zu", place.name.c_str(),
                           alive[i + 1]->name.c_str(), step);
    }
  }
  return {};
}

Status CheckSpan(const Placement& place, size_t first, size_t last) {
  if (place.first != static_cast<int>(first))
    return Wrong(place, "first step", first, static_cast<uint64_t>(place.first));
  if (place.last != static_cast<int>(last))
    return Wrong(place, "last step", last, static_cast<uint64_t>(place.last));
  return {};
}

// value_bytes(v) and scratch_bytes(n): what the plan has to have room for.
template <class AnyGraph, class ValueBytes, class ScratchBytes>
Status Check(const AnyGraph& graph, const MemoryPlan& plan, uint64_t alignment, const ValueBytes& value_bytes,
             const ScratchBytes& scratch_bytes) {
  if (plan.values.size() != graph.values.size() || plan.scratch.size() != graph.nodes.size()) {
    return Status::Error(Code::kFailure, "memory plan: %zu values and %zu steps expected, %zu and %zu found",
                         graph.values.size(), graph.nodes.size(), plan.values.size(), plan.scratch.size());
  }
  if (plan.alignment != alignment) {
    return Status::Error(Code::kFailure, "memory plan: alignment of %llu bytes expected, %llu found",
                         static_cast<unsigned long long>(alignment),
                         static_cast<unsigned long long>(plan.alignment));
  }
  const Uses<AnyGraph> uses(graph);
  std::vector<std::vector<const Placement*>> alive(std::max<size_t>(graph.nodes.size(), 1));
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const bool weight = graph.values[v].kind == Value::Kind::kWeight;
    MIEN_TRY(CheckBytes(plan.values[v], weight ? 0 : value_bytes(v), plan));
    if (plan.values[v].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.values[v], uses.first(v), uses.last(v)));
    for (size_t step = uses.first(v); step <= uses.last(v); ++step) alive[step].push_back(&plan.values[v]);
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    MIEN_TRY(CheckBytes(plan.scratch[n], scratch_bytes(n), plan));
    if (plan.scratch[n].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.scratch[n], n, n));
    alive[n].push_back(&plan.scratch[n]);
  }
  uint64_t largest = 0;
  for (size_t step = 0; step < alive.size(); ++step) {
    uint64_t sum = 0;
    MIEN_TRY(CheckStep(std::move(alive[step]), step, alignment, &sum));
    largest = std::max(largest, sum);
  }
  if (plan.lower_bound != largest) {
    return Status::Error(Code::kFailure, "memory plan: lower bound %llu expected, %llu found",
                         static_cast<unsigned long long>(largest),
                         static_cast<unsigned long long>(plan.lower_bound));
  }
  return {};
}

}  // namespace

Status CheckPlan(const Graph& graph, int threads, const MemoryPlan& plan) {
  return Check(
      graph, plan, kHostAlignment,
      [&](size_t v) { return static_cast<uint64_t>(graph.values[v].shape.elements()) * 4; },
      [&](size_t n) {
        const Node& node = graph.nodes[n];
        return static_cast<uint64_t>(OpScratchFloats(node.op, graph.InputShapes(node), threads)) * 4;
      });
}

Status CheckPlan(const DeviceGraph& graph, const Executor& executor, const MemoryPlan& plan) {
  return Check(
      graph, plan, kDeviceAlignment, [&](size_t v) { return graph.values[v].bytes; },
      [&](size_t n) { return executor.scratch_bytes(graph.nodes[n].op); });
}

}  // namespace mien
