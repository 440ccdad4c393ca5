// The CPU's rules: every op is one call, in the order of the graph.
#include "graph/lowering/bands.h"
#include "graph/lowering/lower.h"

namespace mien {
namespace {

uint64_t BytesOf(const Shape& shape) { return sizeof(float) * static_cast<uint64_t>(shape.elements()); }

// The op as the CPU is allowed to compute it.
AnyCpuOp Chosen(const AnyOp& op, const CpuLowering& how) {
  return std::visit(
      [&](const auto& call) -> AnyCpuOp {
        using Call = std::decay_t<decltype(call)>;
        if constexpr (std::is_same_v<Call, std::monostate>) {
          return call;
        } else {
          CpuOpCall<typename Call::Type> chosen = {{call.params}};
          if constexpr (requires { chosen.params.winograd; }) {
            chosen.params.winograd = !how.exact;
            chosen.params.on_the_fly = how.on_the_fly;
          }
          return chosen;
        }
      },
      op);
}

class CpuRules {
 public:
  CpuRules(const Graph& graph, const CpuLowering& how) : graph_(graph), how_(how) {}
  Result<Executable> Run();

 private:
  bool IsWeight(ValueId id) const { return graph_.values[static_cast<size_t>(id)].kind == Value::Kind::kWeight; }
  void AddValues();
  void ReadPlain(ValueId id);
  Result<ValueId> Packed(const Node& node, const CpuOp& cpu, const std::string& layer);
  Status AddCall(const Node& node);
  void SetWindows();
  void FindParts();

  const Graph& graph_;
  const CpuLowering& how_;
  Executable executable_;
};

void CpuRules::AddValues() {
  for (const Value& value : graph_.values) {
    const bool weight = value.kind == Value::Kind::kWeight;
    executable_.AddValue({value.kind, weight ? 0 : BytesOf(value.shape), value.name});
  }
}

void CpuRules::ReadPlain(ValueId id) {
  Executable::Value& value = executable_.values[static_cast<size_t>(id)];
  if (!IsWeight(id) || value.form >= 0) return;
  const Shape& shape = graph_.values[static_cast<size_t>(id)].shape;
  value.form = static_cast<int>(executable_.forms.size());
  value.bytes = BytesOf(shape);
  executable_.forms.push_back({{}, {value.name}, {shape}, value.bytes});
}

// What Pack makes of the node's weights; kAbsent where the kernel reads nothing packed.
Result<ValueId> CpuRules::Packed(const Node& node, const CpuOp& cpu, const std::string& layer) {
  WeightForm form = {CpuOp{cpu.op, false, {}, {}, {}}, {}, cpu.in, CpuPackedBytes(cpu)};
  form.tensors.resize(node.in.size());
  for (size_t i = 0; i < node.in.size(); ++i) {
    const ValueId id = node.in[i];
    if (id == kAbsent) continue;
    const std::string& name = graph_.values[static_cast<size_t>(id)].name;
    if (!HasInput(OpPackedMask(cpu.op), i)) {
      if (form.shapes[i].rank > 0) form.shapes[i].dim[0] = 0;  // packing never depends on the batch
    } else if (IsWeight(id)) {
      form.tensors[i] = name;
    } else {
      return Status::Error(Code::kFailure, "%s: layer %s: operand %zu of %s is packed before any run and has to be a "
                           "weight of the model, which %s is not", graph_.name.c_str(), layer.c_str(), i,
                           OpName(cpu.op), name.c_str());
    }
  }
  return form.bytes == 0 ? kAbsent : executable_.AddWeight(std::move(form));
}

Status CpuRules::AddCall(const Node& node) {
  CpuOp cpu = {Chosen(node.op, how_), false, graph_.InputShapes(node), {}, {}};
  for (const ValueId id : node.out) cpu.out.push_back(graph_.values[static_cast<size_t>(id)].shape);
  const std::string layer = node.out.empty() ? "" : graph_.values[static_cast<size_t>(node.out[0])].name;
  std::vector<ValueId> in = node.in;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == kAbsent) continue;
    if (HasInput(OpPackedMask(cpu.op), i)) {
      in[i] = kAbsent;
    } else {
      ReadPlain(in[i]);
    }
  }
  MIEN_ASSIGN(const ValueId packed, Packed(node, cpu, layer));
  in.push_back(packed);
  executable_.calls.push_back({std::move(cpu), layer, std::move(in), node.out});
  return {};
}

void CpuRules::SetWindows() {
  for (size_t v = 0; v < graph_.values.size(); ++v) {
    Executable::Value& value = executable_.values[v];
    if (value.window_rows == 0) continue;
    const Shape& shape = graph_.values[v].shape;
    value.row_bytes = static_cast<int64_t>(sizeof(float)) * shape[3];
    value.bytes = static_cast<uint64_t>(shape[0] * shape[1] * value.window_rows * value.row_bytes);
    value.name += ", " + std::to_string(value.window_rows) + " of " + std::to_string(shape[2]) + " rows";
  }
  for (Executable::Call& call : executable_.calls) {
    CpuOp& cpu = std::get<CpuOp>(call.kernel);
    const auto add_plane = [&](ValueId id) {
      const Executable::Value* const value = id == kAbsent ? nullptr : &executable_.values[static_cast<size_t>(id)];
      cpu.planes.push_back(value == nullptr ? 0 : value->window_rows * value->row_bytes / 4);
    };
    for (size_t i = 0; i < cpu.in.size(); ++i) add_plane(call.in[i]);
    for (const ValueId id : call.out) add_plane(id);
  }
}

// In bands the upper layers are one unit: computed whole when one of them has to be.
void CpuRules::FindParts() {
  Dependencies found = FindDependencies(graph_);
  executable_.parts = std::move(found.parts);
  std::vector<uint64_t> parts(static_cast<size_t>(executable_.plan_steps), 0);
  for (size_t n = 0; n < found.nodes.size(); ++n)
    parts[static_cast<size_t>(executable_.calls[n].plan_step)] |= found.nodes[n];
  for (Executable::Call& call : executable_.calls) call.parts = parts[static_cast<size_t>(call.plan_step)];
}

Result<Executable> CpuRules::Run() {
  executable_.name = graph_.name;
  executable_.alignment = kHostAlignment;
  executable_.inputs = graph_.inputs;
  executable_.outputs = graph_.outputs;
  executable_.keeps_values = how_.keeps_values;
  AddValues();
  for (const Node& node : graph_.nodes) MIEN_TRY(AddCall(node));
  for (const NamedValue& output : graph_.outputs) ReadPlain(output.value);
  if (how_.bands && RunInBands(&executable_)) {
    SetWindows();
  } else {
    executable_.RunInOrder();
  }
  if (how_.keeps_values) FindParts();
  return std::move(executable_);
}

}  // namespace

Result<Executable> LowerForCpu(const Graph& graph, const CpuLowering& how) { return CpuRules(graph, how).Run(); }

}  // namespace mien
