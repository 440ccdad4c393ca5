// The graph a device runs: steps of fast ops and plain kernels (kernels/tensor/ops.h) on buffers of bytes. Made from a
// graph of ops by Lower (lowering.h); holds no data. Order of nodes is order of execution. A value may be written by
// several nodes, each a part of it (grouped convolutions that join).
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "kernels/tensor/ops.h"

namespace mien {

// What a weight value holds: what op's Pack makes of `tensors` (by Op::Source, empty where absent), or with
// std::monostate the plain floats of tensors[0].
struct DeviceWeight {
  FastOp op;
  std::vector<std::string> tensors;
  std::vector<Shape> shapes;  // of tensors
};

struct DeviceValue {
  Value::Kind kind = Value::Kind::kComputed;
  uint64_t bytes = 0;
  std::string name;  // input: its name; weight: its first tensor; computed: its layer
  DeviceWeight weight;
};

struct DeviceNode {
  FastOp op;
  std::string layer;
  std::vector<ValueId> in;   // by Op::Operand, kAbsent for operands that are not there
  std::vector<ValueId> out;  // by Op::Result, kAbsent for results that are not made
};

struct DeviceGraph {
  std::string name;
  Precision precision = Precision::kFloat;
  std::vector<DeviceValue> values;
  std::vector<DeviceNode> nodes;
  std::vector<ValueId> inputs;      // fp32, in the layout and order of the graph's inputs
  std::vector<NamedValue> outputs;  // fp32, in the layout and order of the graph's outputs

  FastCost TotalCost() const;
};

}  // namespace mien
