// Linear nodes as steps of rows_linear, for the rules that emit them.
#pragma once

#include "graph/lowering/lowering.h"

namespace mien {

struct RowsStep {
  RowsLinear::Params params;
  std::vector<ValueId> sources;  // by RowsLinear::Source
};

// Whether node n is a Linear whose weights are in the model file.
bool HasRowsForm(const Lowering& lowering, int n);
// What it becomes, without what precedes it.
RowsStep RowsStepOf(const Lowering& lowering, int n);
// Emits it for the device value x, and notes the result as that of node n.
void EmitRows(Lowering& lowering, int n, const RowsStep& step, ValueId x);

}  // namespace mien
