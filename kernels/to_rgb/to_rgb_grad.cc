// to_rgb: u = W^T d is all that the derivatives by image and style need. What is clamped is computed once more, for the
// result has the skip image in it.
#include "graph/gradient/expression.h"
#include "graph/gradient/gradient.h"
#include "kernels/to_rgb/to_rgb.h"

namespace mien {

void ToRgb::Grad(const Params& params, GradCall* call) {
  Builder& builder = call->builder;
  const std::string name = "gradient/" + call->layer;
  const ValueId x = call->in[kX], style = call->in[kStyle];
  const Shape y = call->ShapeOf(call->out[0]);
  const int64_t colors = y[1], channels = call->ShapeOf(x)[1];
  if (call->wanted[kSkip]) {
    const ValueId down = call->Derived(kFilter, "down", {colors, colors, 7, 7});
    Expression scaled;
    const Term d = scaled(call->Call<Conv2d>({.stride = 2, .pad = 3}, {call->d_out[0], down}));
    call->d_in[kSkip] = scaled.Value(builder, name, d * params.filter_gain);
  }
  if (!call->wanted[kX] && !call->wanted[kStyle]) return;
  ValueId inside = call->d_out[0];
  if (params.clamp > 0) {
    Expression masked;
    const Term d = masked(inside);
    const Term t = masked(call->Call<ToRgb>({.weight_gain = params.weight_gain, .clamp = params.clamp},
                                            {x, style, call->in[kWeight], call->in[kBias]}));
    inside = masked.Value(builder, name, d * Positive(params.clamp - t) * Positive(t + params.clamp));
  }
  const ValueId u = call->Call<Conv2d>({}, {inside, call->Derived(kWeight, "transposed", {channels, colors, 1, 1})});
  if (call->wanted[kX]) {
    Expression e;
    const Term t = e(u) * params.weight_gain;
    call->d_in[kX] = e.Value(builder, name, t * e(style, true));
  }
  if (call->wanted[kStyle]) {
    Expression e;
    const Term t = e(u) * params.weight_gain;
    call->d_in[kStyle] = e.Value(builder, name, t * e(x), 0, 2);
  }
}

}  // namespace mien
