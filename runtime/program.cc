#include "runtime/program.h"

#include <utility>

namespace mien {

Result<Program> Program::Create(Graph graph, int threads) {
  Program program;
  program.graph_ = std::move(graph);
  MIEN_ASSIGN(program.plan_, PlanMemory(program.graph_, threads));
  MIEN_TRY(CheckPlan(program.graph_, threads, program.plan_));
  program.CollectWeights();
  return program;
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
      if (node.in[i] != kAbsent && !(i < 32 && (packed >> i & 1))) use_plain(node.in[i]);
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
    return plain_use_[id] < 0 ? nullptr : weights[plain_use_[id]]->as<float>();
  }
  return reinterpret_cast<float*>(arena + plan_.values[id].offset);
}

void Program::Bind(std::byte* arena, const std::vector<WeightHandle>& weights) {
  size_t operands = 0, results = 0;
  for (const Node& node : graph_.nodes) {
    operands += node.in.size();
    results += node.out.size();
  }
  in_views_.assign(operands, {});
  out_views_.assign(results, {});
  steps_.assign(graph_.nodes.size(), {});
  View<const float>* in = in_views_.data();
  View<float>* out = out_views_.data();
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    Step& step = steps_[n];
    step.op = &node.op;
    step.in = {in, node.in.size()};
    step.out = {out, node.out.size()};
    for (ValueId id : node.in) {
      if (id != kAbsent) *in = {AddressOf(id, arena, weights), graph_.values[id].shape};
      ++in;
    }
    for (ValueId id : node.out) *out++ = {AddressOf(id, arena, weights), graph_.values[id].shape};
    if (packed_use_[n] >= 0) step.packed = weights[packed_use_[n]]->as<const float>();
    if (plan_.scratch[n].bytes > 0) step.scratch = reinterpret_cast<float*>(arena + plan_.scratch[n].offset);
  }
  const auto span_of = [&](ValueId id) {
    return std::span<float>(AddressOf(id, arena, weights),
                            static_cast<size_t>(graph_.values[id].shape.elements()));
  };
  for (ValueId id : graph_.inputs) inputs_.push_back(span_of(id));
  for (const NamedValue& output : graph_.outputs) outputs_.push_back(span_of(output.value));
}

Status Program::Run(ThreadPool* threads, const std::atomic<bool>* stop) const {
  for (size_t n = 0; n < steps_.size(); ++n) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return Status::Error(Code::kInterrupted, "%s: interrupted", graph_.name.c_str());
    }
    RunStep(n, threads);
  }
  return {};
}

void Program::RunStep(size_t node, ThreadPool* threads) const {
  const Step& step = steps_[node];
  OpCpu(*step.op, {step.in, step.out, step.packed, step.scratch, threads});
}

}  // namespace mien
