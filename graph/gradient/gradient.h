// Gradients as nodes of the same graph: behind a scalar, AddGradients appends what computes its derivatives, made of
// the same ops, so that planner, checks, lowering and programs know nothing of it (graph/README.md, "Gradients").
// Reverse accumulation: every node's rule (Op::Grad in kernels/<op>/<op>_grad.cc) turns the derivative by its result
// into those by its operands. What a rule reads of the forward pass stays in memory until then, and no longer: the plan
// frees every value behind its last reader.
#pragma once

#include <string>
#include <vector>

#include "graph/builder.h"

namespace mien {

// What a rule is given and what it fills in. All lists are by operand or result of the node.
struct GradCall {
  Builder& builder;
  const std::string& layer;  // for the names of the nodes
  const std::vector<ValueId>& in;
  const std::vector<ValueId>& out;
  const std::vector<ValueId>& d_out;  // kAbsent: nothing depends on the result
  const std::vector<bool>& wanted;    // by operand: whether its derivative leads to something that was asked for
  std::vector<ValueId> d_in;          // in: kAbsent; out: filled where wanted

  const Shape& ShapeOf(ValueId value) const { return builder.ShapeOf(value); }
  // Of a constant operand (graph/gradient/derived_weights.h).
  ValueId Derived(int operand, const char* what, const Shape& shape) {
    return builder.Derived(in[static_cast<size_t>(operand)], what, shape);
  }
  template <class Op>
  ValueId Call(const typename Op::Params& params, std::vector<ValueId> operands) {
    operands.resize(Op::kInputs, kAbsent);
    return builder.Call<Op>("gradient/" + layer, params, std::move(operands));
  }
};

template <class Op>
concept HasGradient = requires {
  &Op::Grad;
};

// Operands that are constants to a rule: weights that no training changes, and whole numbers that say which column.
template <class Op>
constexpr uint32_t ConstantOperands() {
  if constexpr (requires { Op::kConstant; }) return Op::kConstant;
  return 0;
}

// Derivatives of `loss`, one number [1], by each of `by`, of their shapes; kAbsent where it does not depend on it.
// Usage error of the builder, naming op and layer: a node on the way has no rule.
std::vector<ValueId> AddGradients(Builder* builder, ValueId loss, const std::vector<ValueId>& by);

// The same from derivatives that are given: of a sum over all `of[i] * d_of[i]`.
std::vector<ValueId> AddGradients(Builder* builder, const std::vector<ValueId>& of, const std::vector<ValueId>& d_of,
                                  const std::vector<ValueId>& by);

}  // namespace mien
