#include "graph/builder.h"

#include <utility>

#include "base/checked.h"

namespace mien {
namespace {

// Dimensions come from the config and from options (batch): all of them and their product within Shape's
// limits.
bool WithinLimits(const Shape& shape) {
  uint64_t product = 1;
  for (int i = 0; i < shape.rank; ++i) {
    if (shape[i] < 1 || shape[i] > Shape::kMaxDim) return false;
    const auto next = CheckedMul(product, static_cast<uint64_t>(shape[i]));
    if (!next || *next > static_cast<uint64_t>(Shape::kMaxElements)) return false;
    product = *next;
  }
  return shape.present();
}

std::string OperandList(const std::vector<Shape>& shapes) {
  std::string list;
  for (const Shape& shape : shapes) {
    if (!list.empty()) list += ", ";
    list += shape.present() ? shape.ToString() : "-";
  }
  return list;
}

}  // namespace

Builder::Builder(std::string name, const ModelConfig& config, bool trace) : trace_(trace) {
  graph_.name = std::move(name);
  for (const TensorSpec& spec : ExpectedTensors(config)) schema_.emplace(spec.name, spec.shape);
}

void Builder::Fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

ValueId Builder::AddValue(Value::Kind kind, const std::string& name, const Shape& shape) {
  graph_.values.push_back({kind, shape, name});
  return static_cast<ValueId>(graph_.values.size()) - 1;
}

ValueId Builder::Input(const std::string& name, const Shape& shape) {
  if (!status_.ok()) return kAbsent;
  if (!WithinLimits(shape)) {
    Fail(Status::Error(Code::kUsage, "%s: input %s %s is out of limits (at most %lld elements)",
                       graph_.name.c_str(), name.c_str(), shape.ToString().c_str(),
                       static_cast<long long>(Shape::kMaxElements)));
    return kAbsent;
  }
  const ValueId id = AddValue(Value::Kind::kInput, name, shape);
  graph_.inputs.push_back(id);
  return id;
}

ValueId Builder::Weight(const std::string& name) {
  const auto found = schema_.find(name);
  return Weight(name, found == schema_.end() ? Shape() : found->second);
}

ValueId Builder::Weight(const std::string& name, const Shape& as) {
  if (!status_.ok()) return kAbsent;
  const auto found = schema_.find(name);
  if (found == schema_.end()) {
    Fail(Status::Error(Code::kFailure, "%s: no tensor %s in the model", graph_.name.c_str(), name.c_str()));
    return kAbsent;
  }
  const Shape& stored = found->second;
  if (stored.elements() != as.elements()) {
    Fail(Status::Error(Code::kFailure, "%s: tensor %s %s cannot be read as %s", graph_.name.c_str(),
                       name.c_str(), stored.ToString().c_str(), as.ToString().c_str()));
    return kAbsent;
  }
  const auto [entry, is_new] = weights_.try_emplace(name + as.ToString(), kAbsent);
  if (is_new) entry->second = AddValue(Value::Kind::kWeight, name, as);
  return entry->second;
}

ValueId Builder::Parameter(const std::string& name) {
  const auto found = schema_.find(name);
  return Parameter(name, found == schema_.end() ? Shape() : found->second);
}

ValueId Builder::Parameter(const std::string& name, const Shape& shape) {
  if (!status_.ok()) return kAbsent;
  if (!WithinLimits(shape)) {
    Fail(Status::Error(Code::kFailure, "%s: no shape for parameter %s", graph_.name.c_str(), name.c_str()));
    return kAbsent;
  }
  const auto [entry, is_new] = parameters_.try_emplace(name, kAbsent);
  if (is_new) entry->second = AddValue(Value::Kind::kParameter, name, shape);
  return entry->second;
}

ValueId Builder::Derived(ValueId of, const std::string& what, const Shape& shape) {
  if (!status_.ok()) return kAbsent;
  const Value source = graph_.values[static_cast<size_t>(of)];
  const std::string name = source.name + "|" + what + shape.ToString();
  if (source.kind != Value::Kind::kWeight && source.kind != Value::Kind::kInput) {
    Fail(Status::Error(Code::kFailure, "%s: %s: a weight expected", graph_.name.c_str(), name.c_str()));
    return kAbsent;
  }
  const auto [entry, is_new] = weights_.try_emplace(name, kAbsent);
  if (!is_new) return entry->second;
  entry->second = AddValue(source.kind, name, shape);
  if (source.kind == Value::Kind::kInput) graph_.inputs.push_back(entry->second);
  return entry->second;
}

// Kernels of the CPU read weights only packed, which is done once, before any run.
Status Builder::CheckPacked(const Node& node) const {
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (node.in[i] == kAbsent || !HasInput(OpPackedMask(node.op), i)) continue;
    const Value& value = graph_.values[static_cast<size_t>(node.in[i])];
    if (value.kind != Value::Kind::kComputed && value.kind != Value::Kind::kParameter) continue;
    return Status::Error(Code::kFailure, "operand %zu of %s is packed before any run, but %s is %s", i, OpName(node.op),
                         value.name.c_str(), value.kind == Value::Kind::kComputed ? "computed" : "trainable");
  }
  return {};
}

std::vector<ValueId> Builder::Append(const std::string& layer, AnyOp op, std::vector<ValueId> in) {
  std::vector<ValueId> out(static_cast<size_t>(OpOutputs(op)), kAbsent);
  if (!status_.ok()) return out;
  Node node{std::move(op), std::move(in), {}};
  const std::vector<Shape> operands = graph_.InputShapes(node);
  std::vector<Shape> results(out.size());
  Status inferred = OpInfer(node.op, operands, results.data());
  if (inferred.ok()) inferred = CheckPacked(node);
  if (!inferred.ok()) {
    Fail(inferred.Within("%s: layer %s on %s", graph_.name.c_str(), layer.c_str(),
                         OperandList(operands).c_str()));
    return out;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = AddValue(Value::Kind::kComputed, i == 0 ? layer : layer + ":" + std::to_string(i), results[i]);
  }
  node.out = out;
  graph_.nodes.push_back(std::move(node));
  return out;
}

void Builder::Output(const std::string& name, ValueId value) {
  if (status_.ok()) graph_.outputs.push_back({name, value});
}

void Builder::Trace(const std::string& name, ValueId value) {
  if (trace_) Output(name, value);
}

const Shape& Builder::ShapeOf(ValueId value) const {
  static const Shape absent;
  return value == kAbsent ? absent : graph_.values[static_cast<size_t>(value)].shape;
}

Result<Graph> Builder::Finish() {
  if (!status_.ok()) return status_;
  return std::move(graph_);
}

}  // namespace mien
