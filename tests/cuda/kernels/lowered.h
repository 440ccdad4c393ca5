// One call of an op through the lowering: a graph of that one node, its weights (Op::kPacked and
// `more_weights`, bit i for operand i) as tensors of a file, the rest as inputs. So the fast forms are tested
// with the ops' own cases.
#pragma once

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "tests/cuda/kernels/device_runner.h"
#include "tests/cuda/kernels/support.h"
#include "tests/kernels/op_runner.h"

namespace mien::simt {

// The fewer parts of K, the more of it passes through one block, as in layers of many pixels.
inline void LimitSplits(Executable* executable, uint8_t most_splits) {
  for (Executable::Call& call : executable->calls) {
    FastOp& op = std::get<FastOp>(call.kernel);
    if (auto* conv = std::get_if<FastOpCall<FastConv>>(&op)) conv->params.most_splits = most_splits;
    if (auto* conv = std::get_if<FastOpCall<FastModConv>>(&op)) conv->params.most_splits = most_splits;
  }
}

template <class Op>
Tensors RunLowered(const typename Op::Params& params, const std::vector<Shape>& shapes,
                   const Tensors& tensors, Precision precision, uint32_t more_weights = 0,
                   uint8_t most_splits = kEnoughBlocks) {
  Graph graph;
  graph.name = Op::kName;
  Node node = {OpCall<Op>{params}, {}, {}};
  std::vector<std::vector<float>> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (!shapes[i].present()) {
      node.in.push_back(kAbsent);
      continue;
    }
    const bool weight = HasInput(Op::kPacked | more_weights, i);
    node.in.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back(
        {weight ? Value::Kind::kWeight : Value::Kind::kInput, shapes[i], std::to_string(i)});
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
  Result<Executable> device = LowerForDevice(graph, precision);
  REQUIRE_MESSAGE(device.ok(), std::string(device.status().message()));
  LimitSplits(&*device, most_splits);
  return DeviceRunner(*device,
                      [&](const std::string& name) { return tensors[static_cast<size_t>(std::stoi(name))]; })
      .Run(inputs);
}

// Sample n of a tensor of `batch` samples.
inline std::vector<float> SampleOf(const std::vector<float>& tensor, int64_t batch, int64_t n) {
  const auto size = static_cast<std::ptrdiff_t>(tensor.size()) / batch;
  return {tensor.begin() + n * size, tensor.begin() + (n + 1) * size};
}

// One case of an op, once: the largest error against the double reference.
template <class Op>
double CheckLoweredOnce(const OpCase<Op>& c, Precision precision, double tolerance, uint32_t more_weights,
                        const Tensors& in, const std::vector<std::vector<double>>& expected, Tensors* out) {
  *out = RunLowered<Op>(c.params, c.in, in, precision, more_weights);
  double worst = 0.0;
  for (size_t i = 0; i < out->size(); ++i) {
    const double error = RelativeError((*out)[i], expected[i]);
    CHECK_MESSAGE(error <= tolerance, "error " << error << ", at most " << tolerance << " expected");
    worst = std::max(worst, error);
  }
  return worst;
}

// The same in nine thread orders with equal bits, and of each sample alone.
template <class Op>
double CheckLowered(const OpCase<Op>& c, Precision precision, double tolerance, uint32_t more_weights = 0) {
  CAPTURE(std::string(c.name));
  const Tensors in = DrawInputs(c);
  const auto expected = RunReference<Op>(c.params, c.in, in);
  double worst = 0.0;
  Tensors first;
  ForEachOrder([&] {
    Tensors out;
    worst = std::max(worst, CheckLoweredOnce<Op>(c, precision, tolerance, more_weights, in, expected, &out));
    for (size_t i = 0; i < first.size(); ++i)
      CHECK_MESSAGE(SameBits(out[i], first[i]), "another order, other bits");
    if (first.empty()) first = std::move(out);
  });
  const int64_t batch = c.batched == 0 ? 1 : c.in[static_cast<size_t>(std::countr_zero(c.batched))][0];
  for (int64_t n = 0; n < batch && batch > 1; ++n) {
    std::vector<Shape> shapes = c.in;
    Tensors tensors = in;
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (!HasInput(c.batched, i) || !shapes[i].present()) continue;
      shapes[i].dim[0] = 1;
      tensors[i] = SampleOf(in[i], batch, n);
    }
    const Tensors alone = RunLowered<Op>(c.params, shapes, tensors, precision, more_weights);
    for (size_t i = 0; i < first.size(); ++i)
      CHECK_MESSAGE(SameBits(alone[i], SampleOf(first[i], batch, n)), "sample " << n << " alone");
  }
  return worst;
}

}  // namespace mien::simt
