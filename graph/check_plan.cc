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

// Steps of the first and last use of every value, found value by value from the end of the graph. step_of(n):
// that of node n.
template <class AnyGraph>
class Uses {
 public:
  template <class StepOf>
  Uses(const AnyGraph& graph, size_t steps, const StepOf& step_of)
      : steps_(steps), kept_(graph.values.size(), false) {
    for (const NamedValue& output : graph.outputs) kept_[static_cast<size_t>(output.value)] = true;
    readers_.resize(graph.values.size());
    makers_.resize(graph.values.size(), 0);
    for (size_t n = graph.nodes.size(); n-- > 0;) {
      const size_t step = step_of(n);
      for (ValueId id : graph.nodes[n].in) {
        if (id >= 0) readers_[static_cast<size_t>(id)].insert(step);
      }
      for (ValueId id : graph.nodes[n].out) {
        if (id < 0) continue;
        makers_[static_cast<size_t>(id)] = step;
        readers_[static_cast<size_t>(id)].insert(step);  // whoever writes a part needs it too
      }
    }
  }
  size_t first(size_t value) const { return makers_[value]; }
  void KeepAlways(size_t value) {
    kept_[value] = true;
    makers_[value] = 0;
  }
  size_t last(size_t value) const {
    if (kept_[value]) return steps_ == 0 ? 0 : steps_ - 1;
    return readers_[value].empty() ? 0 : *readers_[value].rbegin();
  }

 private:
  size_t steps_;
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

bool InRows(const Schedule& schedule, size_t node) {
  return std::any_of(schedule.steps.begin(), schedule.steps.end(), [&](const Step& step) {
    return step.node == static_cast<int>(node) && step.rows.end > 0;
  });
}

// What nodes in bands carry from range to range lives during the last step, that of all of them.
Status CheckCarries(const Graph& graph, const Schedule& schedule, const MemoryPlan& plan) {
  size_t count = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!InRows(schedule, n)) continue;
    if (++count > plan.carries.size()) continue;
    const Placement& place = plan.carries[count - 1];
    MIEN_TRY(
        CheckBytes(place, static_cast<uint64_t>(OpCarryFloats(node.op, graph.InputShapes(node))) * 4, plan));
    const auto last = static_cast<size_t>(schedule.moments - 1);
    MIEN_TRY(CheckSpan(place, last, last));
  }
  if (count == plan.carries.size()) return {};
  return Status::Error(Code::kFailure, "memory plan: %zu carried buffers expected, %zu found", count,
                       plan.carries.size());
}

// value_bytes(v) and scratch_bytes(step): what the plan has to have room for.
template <class AnyGraph, class ValueBytes, class ScratchBytes>
Status Check(const AnyGraph& graph, const MemoryPlan& plan, const Uses<AnyGraph>& uses, size_t steps,
             uint64_t alignment, const ValueBytes& value_bytes, const ScratchBytes& scratch_bytes) {
  if (plan.values.size() != graph.values.size() || plan.scratch.size() != steps) {
    return Status::Error(Code::kFailure, "memory plan: %zu values and %zu steps expected, %zu and %zu found",
                         graph.values.size(), steps, plan.values.size(), plan.scratch.size());
  }
  if (plan.alignment != alignment) {
    return Status::Error(Code::kFailure, "memory plan: alignment of %llu bytes expected, %llu found",
                         static_cast<unsigned long long>(alignment),
                         static_cast<unsigned long long>(plan.alignment));
  }
  std::vector<std::vector<const Placement*>> alive(std::max<size_t>(steps, 1));
  for (size_t v = 0; v < graph.values.size(); ++v) {
    const bool weight = graph.values[v].kind == Value::Kind::kWeight;
    MIEN_TRY(CheckBytes(plan.values[v], weight ? 0 : value_bytes(v), plan));
    if (plan.values[v].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.values[v], uses.first(v), uses.last(v)));
    for (size_t step = uses.first(v); step <= uses.last(v); ++step) alive[step].push_back(&plan.values[v]);
  }
  for (size_t step = 0; step < steps; ++step) {
    MIEN_TRY(CheckBytes(plan.scratch[step], scratch_bytes(step), plan));
    if (plan.scratch[step].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.scratch[step], step, step));
    alive[step].push_back(&plan.scratch[step]);
  }
  for (const Placement& place : plan.carries) {
    if (place.bytes > 0) alive[steps - 1].push_back(&place);
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

Status CheckPlan(const Graph& graph, const Schedule& schedule, int threads, const MemoryPlan& plan) {
  MIEN_TRY(CheckSchedule(graph, schedule));
  MIEN_TRY(CheckCarries(graph, schedule, plan));
  const auto moment = [&](size_t n) { return static_cast<size_t>(schedule.moment[n]); };
  const auto moments = static_cast<size_t>(schedule.moments);
  Uses<Graph> uses(graph, moments, moment);
  for (size_t v = 0; v < graph.values.size() && schedule.keeps_values; ++v) {
    if (schedule.window_rows[v] == 0) uses.KeepAlways(v);
  }
  return Check(
      graph, plan, uses, moments, kHostAlignment,
      [&](size_t v) {
        const Shape& shape = graph.values[v].shape;
        const int64_t rows = schedule.window_rows[v];
        const int64_t floats = rows > 0 ? shape.elements() / shape[2] * rows : shape.elements();
        return static_cast<uint64_t>(floats) * 4;
      },
      [&](size_t step) {
        int64_t floats = 0;
        for (size_t n = 0; n < graph.nodes.size(); ++n) {
          if (moment(n) != step) continue;
          const AnyOp& op = graph.nodes[n].op;
          const std::vector<Shape> in = graph.InputShapes(graph.nodes[n]);
          floats = std::max(floats, InRows(schedule, n) ? OpRangeScratchFloats(op, in, threads)
                                                        : OpScratchFloats(op, in, threads));
        }
        return static_cast<uint64_t>(floats) * 4;
      });
}

Status CheckPlan(const DeviceGraph& graph, const Executor& executor, const MemoryPlan& plan) {
  const Uses<DeviceGraph> uses(graph, graph.nodes.size(), [](size_t n) { return n; });
  return Check(
      graph, plan, uses, graph.nodes.size(), kDeviceAlignment,
      [&](size_t v) { return graph.values[v].bytes; },
      [&](size_t n) { return executor.scratch_bytes(graph.nodes[n].op); });
}

}  // namespace mien
