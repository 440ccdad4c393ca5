#include "graph/reference.h"

namespace mien {
namespace {

class Reference {
 public:
  Reference(const Graph& graph, const WeightSource& weights)
      : graph_(graph), weights_(weights), data_(graph.values.size()), last_use_(graph.values.size(), -1) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      for (ValueId id : graph.nodes[n].in) {
        if (id != kAbsent) last_use_[static_cast<size_t>(id)] = static_cast<int>(n);
      }
    }
    for (const NamedValue& output : graph.outputs) {
      last_use_[static_cast<size_t>(output.value)] = static_cast<int>(graph.nodes.size());
    }
  }

  Status SetInputs(const std::map<std::string, DoubleTensor>& inputs) {
    for (ValueId id : graph_.inputs) {
      const Value& value = graph_.values[static_cast<size_t>(id)];
      const auto found = inputs.find(value.name);
      if (found == inputs.end())
        return Status::Error(Code::kUsage, "input %s is missing", value.name.c_str());
      if (static_cast<int64_t>(found->second.size()) != value.shape.elements()) {
        return Status::Error(Code::kUsage, "input %s: %s expected, %zu numbers found", value.name.c_str(),
                             value.shape.ToString().c_str(), found->second.size());
      }
      data_[static_cast<size_t>(id)] = found->second;
    }
    return {};
  }

  Status RunNode(int step) {
    const Node& node = graph_.nodes[static_cast<size_t>(step)];
    std::vector<View<const double>> in(node.in.size());
    std::vector<View<double>> out(node.out.size());
    for (size_t i = 0; i < in.size(); ++i) {
      if (node.in[i] == kAbsent) continue;
      MIEN_TRY(LoadWeight(node.in[i]));
      in[i] = {Data(node.in[i]).data(), ShapeOf(node.in[i])};
    }
    for (size_t i = 0; i < out.size(); ++i) {
      Data(node.out[i]).resize(static_cast<size_t>(ShapeOf(node.out[i]).elements()));
      out[i] = {Data(node.out[i]).data(), ShapeOf(node.out[i])};
    }
    OpRef(node.op, in, out);
    for (ValueId id : node.in) Release(id, step);
    for (ValueId id : node.out) Release(id, step);
    return {};
  }

  std::map<std::string, DoubleTensor> Outputs() const {
    std::map<std::string, DoubleTensor> outputs;
    for (const NamedValue& output : graph_.outputs)
      outputs[output.name] = data_[static_cast<size_t>(output.value)];
    return outputs;
  }

 private:
  static bool IsStored(const Value& value) {
    return value.kind == Value::Kind::kWeight || value.kind == Value::Kind::kParameter;
  }
  DoubleTensor& Data(ValueId id) { return data_[static_cast<size_t>(id)]; }
  const Shape& ShapeOf(ValueId id) const { return graph_.values[static_cast<size_t>(id)].shape; }

  Status LoadWeight(ValueId id) {
    const Value& value = graph_.values[static_cast<size_t>(id)];
    if (!IsStored(value) || !Data(id).empty()) return {};
    std::vector<float> floats(static_cast<size_t>(value.shape.elements()));
    MIEN_TRY(weights_(value.name, floats));
    Data(id).assign(floats.begin(), floats.end());
    return {};
  }

  // Frees what no later step reads, so that a full-size network fits.
  void Release(ValueId id, int step) {
    if (id != kAbsent && last_use_[static_cast<size_t>(id)] <= step) DoubleTensor().swap(Data(id));
  }

  const Graph& graph_;
  const WeightSource& weights_;
  std::vector<DoubleTensor> data_;
  std::vector<int> last_use_;
};

}  // namespace

Result<std::map<std::string, DoubleTensor>> RunReference(const Graph& graph,
                                                         const std::map<std::string, DoubleTensor>& inputs,
                                                         const WeightSource& weights) {
  Reference reference(graph, weights);
  MIEN_TRY(reference.SetInputs(inputs));
  for (int step = 0; step < static_cast<int>(graph.nodes.size()); ++step) MIEN_TRY(reference.RunNode(step));
  return reference.Outputs();
}

}  // namespace mien
