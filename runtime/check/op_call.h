// One call of one op with drawn inputs: what the checks of selftest make of a case.
#pragma once

#include <string>
#include <vector>

#include "kernels/case_run.h"
#include "runtime/program.h"

namespace mien {

// The forms a device computes in, and what relative rms an op may have there: 100, 60 and 50 dB.
struct DeviceForm {
  const char* name;
  Precision precision;
  double gate;
};
constexpr DeviceForm kDeviceForms[] = {
    {"fp32", Precision::kFloat, 1e-5}, {"tf32", Precision::kTf32, 1e-3}, {"fp16", Precision::kHalf, 3.2e-3}};

template <class Op>
struct Call {
  const OpCase<Op>& c;
  std::vector<Shape> out_shapes;
  Arrays in, out;
  Doubles exact;
};

// Draws the inputs, computes the reference; outputs are NaN.
template <class Op>
Status Prepare(Call<Op>* call) {
  const OpCase<Op>& c = call->c;
  MIEN_TRY(Op::Infer(c.params, c.in, call->out_shapes.data()));
  call->in = DrawInputs(c);
  call->out = Unwritten<float>(call->out_shapes);
  call->exact = RunReference<Op>(c.params, c.in, call->out_shapes, call->in);
  return {};
}

// A graph of one node. Bit i of `weights`: operand i is a weight; all values are named by their operands.
template <class Op>
Graph GraphOf(const typename Op::Params& params, const std::vector<Shape>& in, const std::vector<Shape>& out,
              uint32_t weights) {
  Graph graph;
  graph.name = Op::kName;
  Node node = {OpCall<Op>{params}, {}, {}};
  const auto add = [&](Value::Kind kind, const Shape& shape, const std::string& name) {
    graph.values.push_back({kind, shape, name});
    return static_cast<ValueId>(graph.values.size()) - 1;
  };
  for (size_t i = 0; i < in.size(); ++i) {
    const bool weight = HasInput(weights, i);
    node.in.push_back(!in[i].present() ? kAbsent
                                       : add(weight ? Value::Kind::kWeight : Value::Kind::kInput, in[i],
                                             std::to_string(i)));
    if (in[i].present() && !weight) graph.inputs.push_back(node.in.back());
  }
  for (const Shape& shape : out) {
    node.out.push_back(add(Value::Kind::kComputed, shape, Op::kName));
    graph.outputs.push_back({"y" + std::to_string(graph.outputs.size()), node.out.back()});
  }
  graph.nodes.push_back(std::move(node));
  return graph;
}

// What the batch does not change is a weight, as in the networks.
template <class Op>
Graph GraphOf(const Call<Op>& call) {
  const uint32_t alike = call.c.batched == 0 ? 0 : ~call.c.batched;
  return GraphOf<Op>(call.c.params, call.c.in, call.out_shapes, Op::kPacked | alike);
}

// `in` by operand; inputs and weights of the graph are named by their operands. Captured, as programs are.
Status RunOnDevice(Graph one, const Device& device, Precision precision, const Arrays& in, Arrays* out);

}  // namespace mien
