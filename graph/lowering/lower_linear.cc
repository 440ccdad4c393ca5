// Linear on rows by tensor cores.
#include <algorithm>

#include "graph/lowering/lower_rows.h"

namespace mien {

bool HasRowsForm(const Lowering& lowering, int n) {
  if (lowering.As<Linear>(n) == nullptr) return false;
  const std::vector<ValueId>& in = lowering.node(n).in;
  for (const int i : {Linear::kWeight, Linear::kBias, Linear::kGateWeight, Linear::kGateBias}) {
    if (in[static_cast<size_t>(i)] != kAbsent && !lowering.IsWeight(in[static_cast<size_t>(i)])) return false;
  }
  return true;
}

RowsStep RowsStepOf(const Lowering& lowering, int n) {
  const Linear::Params& linear = *lowering.As<Linear>(n);
  const std::vector<ValueId>& in = lowering.node(n).in;
  const Shape &x = lowering.ShapeOf(in[Linear::kX]), &weight = lowering.ShapeOf(in[Linear::kWeight]);
  RowsStep step;
  RowsLinear::Weights& w = step.params.weights;
  w.precision = lowering.precision();
  w.inputs = static_cast<int>(weight[1]) - (linear.context_in_weight ? linear.contexts : 0);
  w.outputs = static_cast<int>(weight[0]);
  w.contexts = linear.contexts;
  w.context_in_weight = linear.context_in_weight;
  w.gated = in[Linear::kGateWeight] != kAbsent;
  w.weight_gain = linear.weight_gain;
  w.bias_gain = linear.bias_gain;
  w.picked = w.inputs % 4 != 0;  // no 16-byte loads
  RowsLinear::Params& p = step.params;
  const bool one_row = linear.row >= 0;
  p.rows = static_cast<int>(lowering.ShapeOf(lowering.node(n).out[0]).elements() / w.outputs);
  p.stride = one_row ? w.inputs * static_cast<int>(x[1]) : w.inputs;
  p.first = one_row ? w.inputs * linear.row : 0;
  p.residual = in[Linear::kResidual] != kAbsent;
  p.relu = linear.pre == Activation::kRelu;
  p.act = linear.act;
  p.slope = linear.slope;
  p.act_gain = linear.act_gain;
  step.sources.assign(RowsLinear::kSources, kAbsent);
  std::copy_n(in.begin() + Linear::kWeight, 4, step.sources.begin() + RowsLinear::kWeight);
  return step;
}

void EmitRows(Lowering& lowering, int n, const RowsStep& step, ValueId x) {
  const ValueId residual = lowering.node(n).in[Linear::kResidual];
  lowering.SetFloats(
      lowering.node(n).out[0],
      lowering.Emit<RowsLinear>(lowering.LayerOf(n), step.params,
                                {x, residual == kAbsent ? kAbsent : lowering.Floats(residual), kAbsent},
                                step.sources)[RowsLinear::kY]);
}

bool TakeLinear(Lowering& lowering, int n) {
  if (!HasRowsForm(lowering, n)) return false;
  EmitRows(lowering, n, RowsStepOf(lowering, n), lowering.Floats(lowering.node(n).in[Linear::kX]));
  return true;
}

}  // namespace mien
