#include "graph/dependencies.h"

namespace mien {
namespace {

// The row of operand i that the node reads alone; -1: it reads all.
int64_t RowRead(const Node& node, size_t i) {
  const auto* linear = std::get_if<OpCall<Linear>>(&node.op);
  return linear == nullptr || i != Linear::kX ? -1 : linear->params.row;
}

}  // namespace

Dependencies FindDependencies(const Graph& graph) {
  Dependencies found;
  std::vector<uint64_t> values(graph.values.size(), 0);
  std::vector<size_t> first_row(graph.values.size(), 0);  // of inputs in rows: their first part
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const auto id = static_cast<size_t>(graph.inputs[i]);
    first_row[id] = found.parts.size();
    const bool in_rows = graph.values[id].shape.rank == 3;
    for (int64_t row = 0; row < (in_rows ? graph.values[id].shape[1] : 1); ++row) {
      values[id] |= Dependencies::Bit(found.parts.size());
      found.parts.push_back({static_cast<int>(i), in_rows ? row : -1});
    }
  }
  for (const Node& node : graph.nodes) {
    uint64_t parts = 0;
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i] == kAbsent) continue;
      const auto v = static_cast<size_t>(node.in[i]);
      const int64_t row = graph.values[v].kind == Value::Kind::kInput ? RowRead(node, i) : -1;
      parts |= row >= 0 ? Dependencies::Bit(first_row[v] + static_cast<size_t>(row)) : values[v];
    }
    for (ValueId id : node.out) {
      if (id != kAbsent) values[static_cast<size_t>(id)] = parts;
    }
    found.nodes.push_back(parts);
  }
  return found;
}

}  // namespace mien
