// linear, where it is an affine map and nothing else: the derivative by its rows is the product with the weights as
// they are.
#include "graph/gradient/expression.h"
#include "graph/gradient/gradient.h"
#include "kernels/linear/linear.h"

namespace mien {

void Linear::Grad(const Params& params, GradCall* call) {
  const Shape x = call->ShapeOf(call->in[kX]);  // a copy: values are added below
  const bool plain = params.pre == Activation::kNone && params.act == Activation::kNone && params.contexts == 0 &&
                     x.rank < 4 && call->in[kResidual] == kAbsent;
  if (!plain) {
    call->builder.Fail(Status::Error(Code::kUsage,
                                     "layer %s: linear with an activation, contexts or a residual has "
                                     "no rule for gradients",
                                     call->layer.c_str()));
    return;
  }
  const std::string name = "gradient/" + call->layer;
  Expression scaled;
  const Term d = scaled(call->Call<MatMul>({}, {call->d_out[0], call->in[kWeight]}));
  const ValueId row = scaled.Value(call->builder, name, d * (params.weight_gain * params.act_gain));
  call->d_in[kX] = row;
  if (params.row < 0) return;
  // One row of x [N,L,K] was read; the others have no part in it.
  Expression zero;
  zero(row);
  StackRows::Params stack;
  stack.rows = static_cast<int>(x[1]);
  stack.independent = true;
  std::vector<ValueId> rows(static_cast<size_t>(x[1]) + 1, kAbsent);
  rows[StackRows::kBase] = params.row == 0 ? row : zero.Value(call->builder, name, zero.Constant(0.0f));
  if (params.row > 0) rows[static_cast<size_t>(StackRows::kAverage + params.row)] = row;
  call->d_in[kX] = call->builder.Call<StackRows>(name, stack, std::move(rows));
}

}  // namespace mien
