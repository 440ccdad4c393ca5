// One call of one op with drawn inputs: what the checks of selftest make of a case.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "kernels/case.h"
#include "runtime/program.h"

namespace mien {

using Arrays = std::vector<std::vector<float>>;
using Doubles = std::vector<std::vector<double>>;

struct Errors {
  double largest = 0.0, rms = 0.0;  // both over the rms of the exact values
};

// Whatever is not finite makes both infinite.
Errors Compare(const std::vector<float>& found, const std::vector<double>& exact);

template <class Op>
struct Call {
  const OpCase<Op>& c;
  std::vector<Shape> out_shapes;
  Arrays in, out;
  Doubles exact;
};

template <class T, class Elements>
std::vector<View<T>> ViewsOf(std::vector<std::vector<Elements>>& arrays, const std::vector<Shape>& shapes) {
  std::vector<View<T>> views;
  for (size_t i = 0; i < shapes.size(); ++i)
    views.push_back({shapes[i].present() ? arrays[i].data() : nullptr, shapes[i]});
  return views;
}

// Draws the inputs, computes the reference; outputs are NaN.
template <class Op>
Status Prepare(Call<Op>* call) {
  const OpCase<Op>& c = call->c;
  MIEN_TRY(Op::Infer(c.params, c.in, call->out_shapes.data()));
  Doubles in;
  for (size_t i = 0; i < c.in.size(); ++i) {
    call->in.emplace_back(static_cast<size_t>(c.in[i].elements()));
    FillValues(i < c.fill.size() ? c.fill[i] : Fill(), c.seed, static_cast<int>(i), call->in.back());
    in.emplace_back(call->in.back().begin(), call->in.back().end());
  }
  for (const Shape& shape : call->out_shapes) {
    call->out.emplace_back(static_cast<size_t>(shape.elements()), NAN);
    call->exact.emplace_back(static_cast<size_t>(shape.elements()), NAN);
  }
  Op::Ref(c.params, ViewsOf<const double>(in, c.in), ViewsOf<double>(call->exact, call->out_shapes));
  return {};
}

// A graph of this one node. What the batch does not change is a weight named by its operand, as in the networks.
template <class Op>
Graph GraphOf(const Call<Op>& call) {
  Graph graph;
  graph.name = Op::kName;
  Node node = {OpCall<Op>{call.c.params}, {}, {}};
  const auto add = [&](Value::Kind kind, const Shape& shape, const std::string& name) {
    graph.values.push_back({kind, shape, name});
    return static_cast<ValueId>(graph.values.size()) - 1;
  };
  for (size_t i = 0; i < call.c.in.size(); ++i) {
    const bool present = call.c.in[i].present();
    const bool weight = HasInput(Op::kPacked, i) || (call.c.batched != 0 && !HasInput(call.c.batched, i));
    node.in.push_back(!present ? kAbsent
                               : add(weight ? Value::Kind::kWeight : Value::Kind::kInput, call.c.in[i],
                                     std::to_string(i)));
    if (present && !weight) graph.inputs.push_back(node.in.back());
  }
  for (const Shape& shape : call.out_shapes) {
    node.out.push_back(add(Value::Kind::kComputed, shape, Op::kName));
    graph.outputs.push_back({std::string("y").append(std::to_string(graph.outputs.size())), node.out.back()});
  }
  graph.nodes.push_back(std::move(node));
  return graph;
}

// `in` by operand; inputs and weights of the graph are named by their operands. Captured, as programs are.
Status RunOnDevice(Graph one, const Device& device, Precision precision, const Arrays& in, Arrays* out);

}  // namespace mien
