#include "graph/lowering/lowering.h"

#include <algorithm>

namespace mien {
namespace {

// Whole networks first.
constexpr LoweringRule kRules[] = {TakeSynthesis, TakeFlow, TakeConvolutions, TakeLinear};

// Dimensions of a feature map for the conversions.
template <class Params>
Params Dimensions(Precision precision, const Shape& shape) {
  Params p;
  p.precision = precision;
  p.batch = static_cast<int>(shape[0]);
  p.channels = static_cast<int>(shape[1]);
  p.height = static_cast<int>(shape[2]);
  p.width = static_cast<int>(shape[3]);
  return p;
}

// The kernels find a pixel of a sample's map by a 32-bit offset in bytes (FindHalo).
Status CheckMapBytes(const Executable& executable, const Executable::Call& call) {
  const auto check = [&](ValueId x, int batch) -> Status {
    constexpr uint64_t kMost = uint64_t{1} << 31;
    const uint64_t bytes = executable.values[static_cast<size_t>(x)].bytes / static_cast<uint64_t>(batch);
    if (bytes <= kMost) return {};
    return Status::Error(Code::kUsage,
                         "%s: a map of at most %llu bytes a sample expected, %llu found; fp32 has no such limit",
                         call.layer.c_str(), static_cast<unsigned long long>(kMost),
                         static_cast<unsigned long long>(bytes));
  };
  if (const auto* conv = std::get_if<FastOpCall<FastConv>>(&call.fast()))
    return check(call.in[FastConv::kX], conv->params.batch);
  if (const auto* conv = std::get_if<FastOpCall<FastModConv>>(&call.fast()))
    return check(call.in[FastModConv::kX], conv->params.batch);
  return {};
}

}  // namespace

Lowering::Lowering(const Graph& graph, Precision precision)
    : graph_(graph),
      makers_(graph.values.size(), -1),
      readers_(graph.values.size()),
      taken_(graph.nodes.size(), 0),
      floats_(graph.values.size(), kAbsent),
      maps_(graph.values.size(), kAbsent) {
  device_.name = graph.name;
  device_.precision = precision;
  device_.alignment = kDeviceAlignment;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId v : graph.nodes[n].out) makers_[static_cast<size_t>(v)] = static_cast<int>(n);
    for (const ValueId v : graph.nodes[n].in) {
      if (v != kAbsent) readers_[static_cast<size_t>(v)].push_back(static_cast<int>(n));
    }
  }
  for (const ValueId v : graph.inputs) {
    const Value& value = graph.values[static_cast<size_t>(v)];
    const auto bytes = sizeof(float) * static_cast<uint64_t>(value.shape.elements());
    const ValueId device = device_.AddValue({Value::Kind::kInput, bytes, value.name});
    device_.inputs.push_back(device);
    SetFloats(v, device);
  }
}

bool Lowering::IsOutput(ValueId v) const {
  return std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                     [&](const NamedValue& output) { return output.value == v; });
}

ValueId Lowering::NewValue(const std::string& name, uint64_t bytes) {
  return device_.AddValue({Value::Kind::kComputed, bytes, name});
}

ValueId Lowering::Floats(ValueId v) {
  ValueId& floats = floats_[static_cast<size_t>(v)];
  if (floats != kAbsent) return floats;
  if (IsWeight(v)) return floats = PlainWeight(v);
  const auto params = Dimensions<ExportMap::Params>(precision(), ShapeOf(v));
  return floats = Emit<ExportMap>(graph_.values[static_cast<size_t>(v)].name, params,
                                  {maps_[static_cast<size_t>(v)]})[0];
}

ValueId Lowering::Map(ValueId v) {
  ValueId& map = maps_[static_cast<size_t>(v)];
  if (map != kAbsent) return map;
  const auto params = Dimensions<ImportMap::Params>(precision(), ShapeOf(v));
  return map = Emit<ImportMap>(graph_.values[static_cast<size_t>(v)].name, params, {Floats(v), kAbsent})[0];
}

ValueId Lowering::PackedWeight(const FastOp& op, const std::vector<ValueId>& sources) {
  if (FastPackedBytes(op) == 0) return kAbsent;
  WeightForm form = {op, {}, {}, FastPackedBytes(op)};
  for (const ValueId v : sources) {
    form.tensors.push_back(v == kAbsent ? "" : graph_.values[static_cast<size_t>(v)].name);
    form.shapes.push_back(v == kAbsent ? Shape() : ShapeOf(v));
  }
  return device_.AddWeight(std::move(form));
}

ValueId Lowering::PlainWeight(ValueId v) {
  const Value& value = graph_.values[static_cast<size_t>(v)];
  return device_.AddWeight(
      {{}, {value.name}, {value.shape}, sizeof(float) * static_cast<uint64_t>(value.shape.elements())});
}

std::vector<ValueId> Lowering::Append(const std::string& layer, const FastOp& op, std::vector<ValueId> in) {
  std::vector<ValueId> out;
  for (int r = 0; r < FastResults(op); ++r) {
    const uint64_t bytes = FastResultBytes(op, r);
    out.push_back(bytes == 0 ? kAbsent : NewValue(layer, bytes));
  }
  device_.calls.push_back({op, layer, std::move(in), out});
  return out;
}

void Lowering::EmitPlain(int n) {
  const Node& node = this->node(n);
  PlainOp plain = {node.op, graph_.InputShapes(node), {}};
  std::vector<ValueId> in;
  for (const ValueId v : node.in) in.push_back(v == kAbsent ? kAbsent : Floats(v));
  for (const ValueId v : node.out) plain.out.push_back(ShapeOf(v));
  const std::vector<ValueId> out = Append(LayerOf(n), plain, std::move(in));
  for (size_t i = 0; i < out.size(); ++i) SetFloats(node.out[i], out[i]);
}

Result<Executable> Lowering::Run() {
  for (int n = 0; n < static_cast<int>(graph_.nodes.size()); ++n) {
    if (IsTaken(n)) continue;
    const bool fast = precision() != Precision::kFloat &&
                      std::any_of(std::begin(kRules), std::end(kRules),
                                  [&](LoweringRule rule) { return rule(*this, n); });
    if (!fast) EmitPlain(n);
    Take(n);
  }
  for (const NamedValue& output : graph_.outputs) device_.outputs.push_back({output.name, Floats(output.value)});
  device_.RunInOrder();
  for (const Executable::Call& call : device_.calls) MIEN_TRY(CheckMapBytes(device_, call));
  return std::move(device_);
}

Result<Executable> LowerForDevice(const Graph& graph, Precision precision) {
  for (const Value& value : graph.values) {
    if (value.kind != Value::Kind::kParameter) continue;
    return Status::Error(Code::kUsage, "%s: parameter %s: training runs on the cpu backend", graph.name.c_str(),
                         value.name.c_str());
  }
  return Lowering(graph, precision).Run();
}

}  // namespace mien
