// One call of an op through the lowering: a graph of that one node, its weights (Op::kPacked and
// `more_weights`, bit i for operand i) as tensors of a file, the rest as inputs. So the fast forms are tested
// with the ops' own cases.
#pragma once

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "runtime/check/op_call.h"
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
Arrays RunLowered(const typename Op::Params& params, const std::vector<Shape>& shapes,
                   const Arrays& tensors, Precision precision, uint32_t more_weights = 0,
                   uint8_t most_splits = kEnoughBlocks) {
  const Graph graph = GraphOf<Op>(params, shapes, OutputShapes<Op>(params, shapes), Op::kPacked | more_weights);
  Arrays inputs;
  for (const ValueId input : graph.inputs) {
    inputs.push_back(tensors[static_cast<size_t>(std::stoi(graph.values[static_cast<size_t>(input)].name))]);
  }
  Result<Executable> device = LowerForDevice(graph, precision);
  REQUIRE_MESSAGE(device.ok(), std::string(device.status().message()));
  LimitSplits(&*device, most_splits);
  return DeviceRunner(*device,
                      [&](const std::string& name) { return tensors[static_cast<size_t>(std::stoi(name))]; })
      .Run(inputs);
}

// One case of an op, once: the largest error against the double reference.
template <class Op>
double CheckLoweredOnce(const OpCase<Op>& c, Precision precision, double tolerance, uint32_t more_weights,
                        const Arrays& in, const std::vector<std::vector<double>>& expected, Arrays* out) {
  *out = RunLowered<Op>(c.params, c.in, in, precision, more_weights);
  double worst = 0.0;
  for (size_t i = 0; i < out->size(); ++i) {
    const double error = Compare((*out)[i], expected[i]).largest;
    CHECK_MESSAGE(error <= tolerance, "error " << error << ", at most " << tolerance << " expected");
    worst = std::max(worst, error);
  }
  return worst;
}

// The same in nine thread orders with equal bits, and of each sample alone.
template <class Op>
double CheckLowered(const OpCase<Op>& c, Precision precision, double tolerance, uint32_t more_weights = 0) {
  CAPTURE(std::string(c.name));
  const Arrays in = DrawInputs(c);
  const auto expected = RunReference<Op>(c.params, c.in, in);
  double worst = 0.0;
  Arrays first;
  ForEachOrder([&] {
    Arrays out;
    worst = std::max(worst, CheckLoweredOnce<Op>(c, precision, tolerance, more_weights, in, expected, &out));
    if (!first.empty()) CheckSameBits(out, first, "another order");
    if (first.empty()) first = std::move(out);
  });
  CheckSamplesAlone(c, in, first, [&](const std::vector<Shape>& shapes, const Arrays& arrays) {
    return RunLowered<Op>(c.params, shapes, arrays, precision, more_weights);
  });
  return worst;
}

}  // namespace mien::simt
