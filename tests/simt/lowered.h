// One call of an op through the lowering: a graph of that one node, its weights (Op::kPacked and `more_weights`, bit i
// for operand i) as tensors of a file, the rest as inputs. So the fast forms are tested with the ops' own cases.
#pragma once

#include <string>
#include <vector>

#include "tests/kernels/op_runner.h"
#include "tests/simt/device_runner.h"

namespace mien::simt {

template <class Op>
Tensors RunLowered(const typename Op::Params& params, const std::vector<Shape>& shapes, const Tensors& tensors,
                   Precision precision, uint32_t more_weights = 0) {
  Graph graph;
  graph.name = Op::kName;
  Node node = {OpCall<Op>{params}, {}, {}};
  std::vector<std::vector<float>> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!shapes[i].present()) {
      node.in.push_back(kAbsent);
      continue;
    }
    const bool weight = ((Op::kPacked | more_weights) >> i & 1) != 0;
    node.in.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back({weight ? Value::Kind::kWeight : Value::Kind::kInput, shapes[i], std::to_string(i)});
    if (weight) continue;
    graph.inputs.push_back(node.in.back());
    inputs.push_back(tensors[i]);
  }
  for (const Shape& shape : OutputShapes<Op>(params, shapes)) {
    node.out.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back({Value::Kind::kComputed, shape, Op::kName});
    graph.outputs.push_back({"y" + std::to_string(graph.outputs.size()), node.out.back()});
  }
  graph.nodes.push_back(std::move(node));
  const Result<DeviceGraph> device = Lower(graph, precision);
  REQUIRE_MESSAGE(device.ok(), std::string(device.status().message()));
  return DeviceRunner(*device, [&](const std::string& name) { return tensors[static_cast<size_t>(std::stoi(name))]; })
      .Run(inputs);
}

}  // namespace mien::simt
