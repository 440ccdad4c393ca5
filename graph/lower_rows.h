// Linear nodes as steps of rows_linear, for the rules that emit them.
#pragma once

#include "graph/lowering.h"

namespace mien {

struct RowsStep {
  RowsLinear::Params params;
  std::vector<ValueId> sources;  // by RowsLinear::Source
};

// Whether node n is a Linear whose weights are in the model file.
bool HasRowsForm(const Lowering& lowering, int n);
// What it becomes, without what precedes it.
RowsStep RowsStepOf(const Lowering& lowering, int n);

}  // namespace mien
