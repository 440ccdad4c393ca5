// A call of a formula, written like one: operands are taken as they appear in it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/builder.h"

namespace mien {

// Operands and a formula of them, for one call. The first operand has the shape of the call.
class Expression {
 public:
  Term operator()(ValueId operand, bool by_row = false) {
    const auto at = static_cast<int>(operands_.size());
    operands_.push_back(operand);
    if (by_row) params_.by_row |= 1u << at;
    return params_.formula.In(at);
  }
  Term Constant(float value) { return params_.formula.Constant(value); }
  ValueId Value(Builder& builder, const std::string& layer, Term result, int sum_first = 0, int sum_last = 0) {
    params_.formula = result;
    params_.sum_first = sum_first;
    params_.sum_last = sum_last;
    operands_.resize(Pointwise::kInputs, kAbsent);
    return builder.Call<Pointwise>(layer, params_, operands_);
  }

 private:
  Pointwise::Params params_;
  std::vector<ValueId> operands_;
};

}  // namespace mien
