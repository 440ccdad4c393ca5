// The second opinion on a memory plan: walks the steps, collects who is alive by asking the executable anew, and
// looks for overlaps among neighbours by address. Shares no code with planner.cc.
#include <algorithm>
#include <set>

#include "graph/lowering/lower.h"
#include "graph/lowering/planner.h"

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

// Steps of the first and last use of every value, found value by value from the end of the executable.
class Uses {
 public:
  explicit Uses(const Executable& executable)
      : steps_(static_cast<size_t>(executable.plan_steps)), kept_(executable.values.size(), false) {
    for (const NamedValue& output : executable.outputs) kept_[static_cast<size_t>(output.value)] = true;
    readers_.resize(executable.values.size());
    makers_.resize(executable.values.size(), 0);
    for (size_t c = executable.calls.size(); c-- > 0;) {
      const auto step = static_cast<size_t>(executable.calls[c].plan_step);
      for (ValueId id : executable.calls[c].in) {
        if (id >= 0) readers_[static_cast<size_t>(id)].insert(step);
      }
      for (ValueId id : executable.calls[c].out) {
        if (id < 0) continue;
        makers_[static_cast<size_t>(id)] = step;
        readers_[static_cast<size_t>(id)].insert(step);  // whoever writes a part needs it too
      }
    }
    for (size_t v = 0; v < kept_.size() && executable.keeps_values; ++v) {
      if (executable.values[v].window_rows > 0) continue;
      kept_[v] = true;
      makers_[v] = 0;
    }
  }
  size_t first(size_t value) const { return makers_[value]; }
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

// What calls in rows carry from range to range lives during the last step, that of all of them.
Status CheckCarries(const Executable& executable, const MemoryPlan& plan) {
  size_t count = 0;
  for (const Executable::Call& call : executable.calls) {
    if (!call.in_rows()) continue;
    if (++count > plan.carries.size()) continue;
    const Placement& place = plan.carries[count - 1];
    MIEN_TRY(CheckBytes(place, static_cast<uint64_t>(OpCarryFloats(call.cpu().op, call.cpu().in)) * 4, plan));
    const auto last = static_cast<size_t>(executable.plan_steps - 1);
    MIEN_TRY(CheckSpan(place, last, last));
  }
  if (count == plan.carries.size()) return {};
  return Status::Error(Code::kFailure, "memory plan: %zu carried buffers expected, %zu found", count,
                       plan.carries.size());
}

Status CheckSizes(const Executable& executable, const MemoryPlan& plan) {
  const auto steps = static_cast<size_t>(executable.plan_steps);
  if (plan.values.size() != executable.values.size() || plan.scratch.size() != steps) {
    return Status::Error(Code::kFailure, "memory plan: %zu values and %zu steps expected, %zu and %zu found",
                         executable.values.size(), steps, plan.values.size(), plan.scratch.size());
  }
  if (plan.alignment == executable.alignment) return {};
  return Status::Error(Code::kFailure, "memory plan: alignment of %llu bytes expected, %llu found",
                       static_cast<unsigned long long>(executable.alignment),
                       static_cast<unsigned long long>(plan.alignment));
}

}  // namespace

Status CheckPlan(const Executable& executable, const ScratchBytes& scratch_bytes, const MemoryPlan& plan) {
  MIEN_TRY(CheckSteps(executable));
  MIEN_TRY(CheckSizes(executable, plan));
  MIEN_TRY(CheckCarries(executable, plan));
  const Uses uses(executable);
  const auto steps = static_cast<size_t>(executable.plan_steps);
  std::vector<std::vector<const Placement*>> alive(std::max<size_t>(steps, 1));
  for (size_t v = 0; v < executable.values.size(); ++v) {
    const Executable::Value& value = executable.values[v];
    MIEN_TRY(CheckBytes(plan.values[v], value.in_arena() ? value.bytes : 0, plan));
    if (plan.values[v].bytes == 0) continue;
    MIEN_TRY(CheckSpan(plan.values[v], uses.first(v), uses.last(v)));
    for (size_t step = uses.first(v); step <= uses.last(v); ++step) alive[step].push_back(&plan.values[v]);
  }
  std::vector<uint64_t> scratch(steps, 0);
  for (const Executable::Call& call : executable.calls) {
    uint64_t& bytes = scratch[static_cast<size_t>(call.plan_step)];
    bytes = std::max(bytes, scratch_bytes(call.kernel));
  }
  for (size_t step = 0; step < steps; ++step) {
    MIEN_TRY(CheckBytes(plan.scratch[step], scratch[step], plan));
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
    MIEN_TRY(CheckStep(std::move(alive[step]), step, plan.alignment, &sum));
    largest = std::max(largest, sum);
  }
  if (plan.lower_bound == largest) return {};
  return Status::Error(Code::kFailure, "memory plan: lower bound %llu expected, %llu found",
                       static_cast<unsigned long long>(largest), static_cast<unsigned long long>(plan.lower_bound));
}

}  // namespace mien
