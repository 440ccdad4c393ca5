#include "runtime/program.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mien {

Result<Program> Program::Create(Graph graph, Schedule schedule, int threads) {
  Program program;
  program.graph_ = std::move(graph);
  program.schedule_ = std::move(schedule);
  MIEN_ASSIGN(program.plan_, PlanMemory(program.graph_, program.schedule_, threads));
  MIEN_TRY(CheckPlan(program.graph_, program.schedule_, threads, program.plan_));
  program.CollectWeights();
  program.FindParts();
  return program;
}

void Program::FindParts() {
  Dependencies found = FindDependencies(graph_);
  parts_ = std::move(found.parts);
  moment_parts_.assign(static_cast<size_t>(schedule_.moments), kFirstRun);
  for (size_t n = 0; n < graph_.nodes.size(); ++n) moment_parts_[schedule_.moment[n]] |= found.nodes[n];
}

void Program::CollectWeights() {
  packed_use_.assign(graph_.nodes.size(), -1);
  plain_use_.assign(graph_.values.size(), -1);
  const auto use_plain = [&](ValueId id) {
    const Value& value = graph_.values[id];
    if (value.kind != Value::Kind::kWeight || plain_use_[id] >= 0) return;
    plain_use_[id] = static_cast<int>(uses_.size());
    uses_.push_back(PlainUse(value.name, value.shape));
  };
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    const uint32_t packed = OpPackedMask(node.op);
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] != kAbsent && !HasInput(packed, i)) use_plain(node.in[i]);
    }
    std::vector<Shape> shapes = graph_.InputShapes(node);
    if (OpPackedFloats(node.op, shapes) == 0) continue;
    WeightUse use;
    use.op = node.op;
    use.tensors.resize(node.in.size());
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] == kAbsent) continue;
      const Value& value = graph_.values[node.in[i]];
      if (value.kind == Value::Kind::kWeight) {
        use.tensors[i] = value.name;
      } else if (shapes[i].rank > 0) {
        shapes[i].dim[0] = 0;  // packing never depends on the batch
      }
    }
    use.shapes = std::move(shapes);
    packed_use_[n] = static_cast<int>(uses_.size());
    uses_.push_back(std::move(use));
  }
  for (const NamedValue& output : graph_.outputs) use_plain(output.value);
}

float* Program::AddressOf(ValueId id, std::byte* arena, const std::vector<WeightHandle>& weights) const {
  if (graph_.values[id].kind == Value::Kind::kWeight) {
    // No step writes it.
    return plain_use_[id] < 0 ? nullptr : const_cast<float*>(weights[plain_use_[id]].get());
  }
  return reinterpret_cast<float*>(arena + plan_.values[id].offset);
}

void Program::Bind(std::byte* arena, const std::vector<WeightHandle>& weights) {
  size_t operands = 0, results = 0;
  for (const Step& step : schedule_.steps) {
    operands += graph_.nodes[step.node].in.size();
    results += graph_.nodes[step.node].out.size();
  }
  in_views_.assign(operands, {});
  out_views_.assign(results, {});
  steps_.assign(schedule_.steps.size(), {});
  View<const float>* in = in_views_.data();
  View<float>* out = out_views_.data();
  std::vector<RowRange> present(graph_.values.size());  // rows of windows in memory
  const auto view_of = [&](ValueId id) {
    const Shape& shape = graph_.values[id].shape;
    View<float> view = {AddressOf(id, arena, weights), shape};
    if (schedule_.window_rows[id] > 0) {
      view.data -= present[id].begin * shape[3];
      view.plane = schedule_.window_rows[id] * shape[3];
    }
    return view;
  };
  std::vector<float*> carries(graph_.nodes.size(), nullptr);
  for (size_t n = 0, next = 0; n < graph_.nodes.size(); ++n) {
    if (schedule_.in_bands(n)) carries[n] = reinterpret_cast<float*>(arena + plan_.carries[next++].offset);
  }
  for (size_t s = 0; s < schedule_.steps.size(); ++s) {
    const Step& step = schedule_.steps[s];
    const Node& node = graph_.nodes[step.node];
    const int moment = schedule_.moment[step.node];
    BoundStep& bound = steps_[s];
    bound.op = &node.op;
    bound.rows = step.rows;
    bound.parts = moment_parts_[moment];
    bound.in = {in, node.in.size()};
    bound.out = {out, node.out.size()};
    for (ValueId id : node.in) {
      if (id != kAbsent) {
        const View<float> view = view_of(id);
        *in = {view.data, view.shape, view.plane};
      }
      ++in;
    }
    for (ValueId id : node.out) {
      const RowRange old = std::exchange(present[id], {step.window_begin, step.rows.end});
      *out = view_of(id);
      if (step.window_begin > old.begin && old.end > step.window_begin) {
        const Shape& shape = graph_.values[id].shape;
        bound.move = {AddressOf(id, arena, weights), shape[0] * shape[1], out->plane,
                      (step.window_begin - old.begin) * shape[3], (old.end - step.window_begin) * shape[3]};
      }
      ++out;
    }
    if (packed_use_[step.node] >= 0) bound.packed = weights[packed_use_[step.node]].get();
    bound.carry = carries[step.node];
    if (plan_.scratch[moment].bytes > 0)
      bound.scratch = reinterpret_cast<float*>(arena + plan_.scratch[moment].offset);
  }
  const auto span_of = [&](ValueId id) {
    return std::span<float>(AddressOf(id, arena, weights),
                            static_cast<size_t>(graph_.values[id].shape.elements()));
  };
  for (ValueId id : graph_.inputs) inputs_.push_back(span_of(id));
  for (const NamedValue& output : graph_.outputs) outputs_.push_back(span_of(output.value));
}

void Program::SetInput(int i, std::span<const float> numbers) {
  const Shape& shape = graph_.values[graph_.inputs[i]].shape;
  float* place = inputs_[i].data();
  for (size_t p = 0; p < parts_.size() && schedule_.keeps_values; ++p) {
    if (parts_[p].input != i) continue;
    const int64_t row = parts_[p].row;
    const int64_t first = row < 0 ? 0 : row * shape[2], count = row < 0 ? shape.elements() : shape[2];
    for (int64_t at = first; at < shape.elements(); at += row < 0 ? count : shape[1] * shape[2]) {
      if (std::memcmp(place + at, numbers.data() + at, sizeof(float) * static_cast<size_t>(count)) != 0)
        changed_ |= Dependencies::Bit(p);
    }
  }
  std::memcpy(place, numbers.data(), numbers.size_bytes());
}

void Program::MoveRows(const Move& move, ThreadPool* threads) {
  constexpr int64_t kTaskPlanes = 8;
  threads->ParallelFor(static_cast<int>((move.planes + kTaskPlanes - 1) / kTaskPlanes), [&](int task, int) {
    for (int64_t p = task * kTaskPlanes; p < std::min(move.planes, (task + 1) * kTaskPlanes); ++p) {
      float* plane = move.window + p * move.plane;
      std::memmove(plane, plane + move.from, sizeof(float) * static_cast<size_t>(move.floats));
    }
  });
}

Status Program::Run(ThreadPool* threads, const std::atomic<bool>* stop) {
  // Until the run has ended well, nothing that was kept is valid.
  const uint64_t changed = std::exchange(changed_, kEverything);
  steps_run_ = 0;
  for (size_t s = 0; s < steps_.size(); ++s) {
    if ((steps_[s].parts & changed) == 0) continue;
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return Status::Error(Code::kInterrupted, "%s: interrupted", graph_.name.c_str());
    }
    RunStep(s, threads);
    ++steps_run_;
  }
  if (schedule_.keeps_values) changed_ = 0;
  return {};
}

void Program::RunStep(size_t s, ThreadPool* threads) const {
  const BoundStep& step = steps_[s];
  if (step.move.window != nullptr) MoveRows(step.move, threads);
  CpuCall call = {step.in, step.out, step.packed, step.scratch, threads};
  if (step.rows.end > 0) {
    call.rows = step.rows;
    call.carry = step.carry;
  }
  OpCpu(*step.op, call);
}

}  // namespace mien
