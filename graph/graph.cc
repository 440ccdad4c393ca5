#include "graph/graph.h"

namespace mien {

std::vector<Shape> Graph::InputShapes(const Node& node) const {
  std::vector<Shape> shapes;
  shapes.reserve(node.in.size());
  for (ValueId id : node.in) {
    shapes.push_back(id == kAbsent ? Shape() : values[static_cast<size_t>(id)].shape);
  }
  return shapes;
}

Cost Graph::TotalCost() const {
  Cost total;
  for (const Node& node : nodes) {
    const Cost cost = OpCount(node.op, InputShapes(node));
    total.multiply_adds += cost.multiply_adds;
    total.bytes += cost.bytes;
    total.products += cost.products;
  }
  return total;
}

}  // namespace mien
