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

Status CheckBytes(const Placement& place, int64_t floats, uint64_t arena) {
  const uint64_t bytes = static_cast<uint64_t>(floats) * 4;
  if (place.bytes != bytes) return Wrong(place, "bytes", bytes, place.bytes);
  if (bytes == 0) return {};
  if (place.offset % MemoryPlan::kAlignment != 0) return Wrong(place, "alignment", 0, place.offset % 64);
  if (place.offset > arena || arena - place.offset < bytes)
    return Wrong(place, "end at most", arena, place.offset + bytes);
  return {};
}

// Steps (as node numbers) of the first and last use of every value, found value by value from the end of the
// graph.
class Uses {
 public:
  explicit Uses(const Graph& graph) : graph_(graph), kept_(graph.values.size(), false) {
    for (const NamedValue& output : graph.outputs) kept_[static_cast<size_t>(output.value)] = true;
    readers_.resize(graph.values.size());
    makers_.resize(graph.values.size(), 0);
    for (size_t n = graph.nodes.size(); n-- > 0;) {
      for (ValueId id : graph.nodes[n].in) {
        if (id >= 0) readers_[static_cast<size_t>(id)].insert(n);
      }
      for (ValueId id : graph.nodes[n].out) makers_[static_cast<size_t>(id)] = n;
    }
  }
  size_t first(size_t value) const { return makers_[value]; }
  size_t last(size_t value) const {
    if (kept_[value]) return graph_.nodes.empty() ? 0 : graph_.nodes.size() - 1;
    return readers_[value].empty() ? makers_[value] : *readers_[value].rbegin();
  }

 private:
  const Graph& graph_;
  std::vector<bool> kept_;
  std::vector<std::set<size_t>> readers_;
  std::vector<size_t> makers_;
};

Status CheckStep(std::vector<const Placement*> alive, size_t step, uint64_t* sum) {
  std::sort(alive.begin(), alive.end(),
            [](const Placement* a, const Placement* b) { return a->offset < b->offset; });
  for (size_t i = 0; i < alive.size(); ++i) {
    const Placement& place = *alive[i];
    *sum += (place.bytes + MemoryPlan::kAlignment - 1) / MemoryPlan::kAlignment * MemoryPlan::kAlignment;
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

}  // namespace

Status CheckPlan(const Graph& graph, int threads, const MemoryPlan& plan) {
  if (plan.values.size() != graph.values.size() || plan.scratch.size() != graph.nodes.size()) {
    return Status::Error(Code::kFailure, "memory plan: %zu values and %zu steps expected, %zu and %zu found",
                         graph.values.size(), graph.nodes.size(), plan.values.size(), plan.scratch.size());
  }
  const Uses uses(graph);
  std::vector<std::vector<const Placement*>> alive(std::max<size_t>(graph.nodes.size(), 1));
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const bool weight = graph.values[v].kind == Value::Kind::kWeight;
    MIEN_TRY(CheckBytes(plan.values[v], weight ? 0 : graph.values[v].shape.elements(), plan.arena_bytes));
    if (plan.values[v].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.values[v], uses.first(v), uses.last(v)));
    for (size_t step = uses.first(v); step <= uses.last(v); ++step) alive[step].push_back(&plan.values[v]);
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    MIEN_TRY(CheckBytes(plan.scratch[n], OpScratchFloats(node.op, graph.InputShapes(node), threads),
                        plan.arena_bytes));
    if (plan.scratch[n].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.scratch[n], n, n));
    alive[n].push_back(&plan.scratch[n]);
  }
  uint64_t largest = 0;
  for (size_t step = 0; step < alive.size(); ++step) {
    uint64_t sum = 0;
    MIEN_TRY(CheckStep(std::move(alive[step]), step, &sum));
    largest = std::max(largest, sum);
  }
  if (plan.lower_bound != largest) {
    return Status::Error(Code::kFailure, "memory plan: lower bound %llu expected, %llu found",
                         static_cast<unsigned long long>(largest),
                         static_cast<unsigned long long>(plan.lower_bound));
  }
  return {};
}

}  // namespace mien
