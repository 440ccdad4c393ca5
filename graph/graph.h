// The graph: static, typed, single assignment. Values are tensors with fixed shapes, nodes are op calls in
// the order they were built, which is the order they run. A graph is made once by a builder function
// (builder.h, one file per network) and never changes; it holds no data.
#pragma once

#include <string>
#include <vector>

#include "kernels/ops.h"

namespace mien {

using ValueId = int;
constexpr ValueId kAbsent = -1;

struct Value {
  // kParameter: plain floats that are the caller's and that a step of training changes; never packed.
  enum class Kind : uint8_t { kInput, kWeight, kParameter, kComputed };
  Kind kind = Kind::kComputed;
  Shape shape;
  // input: its name in `mien run`; weight, parameter: its tensor in the model file; computed: its layer
  std::string name;
};

struct Node {
  AnyOp op;
  std::vector<ValueId> in;  // kAbsent for operands that are not there
  std::vector<ValueId> out;
};

struct NamedValue {
  std::string name;
  ValueId value;
};

struct Graph {
  std::string name;  // "synthesis", ...
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;      // in the documented order
  std::vector<NamedValue> outputs;  // a value may have several names (traces)

  std::vector<Shape> InputShapes(const Node& node) const;
  Cost TotalCost() const;
};

}  // namespace mien
