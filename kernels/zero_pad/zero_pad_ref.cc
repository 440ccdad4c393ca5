// zero_pad: shape rules, cost and the double reference.
#include "kernels/zero_pad/zero_pad.h"

#include "kernels/infer.h"

namespace mien {

Status ZeroPad::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectAtLeast(kName, "channels", 0, params.channels));
  MIEN_TRY(ExpectAtLeast(kName, "rows", 0, params.rows));
  MIEN_TRY(ExpectAtLeast(kName, "columns", 0, params.columns));
  const Shape& x = in[kX];
  out[0] = {x[0], x[1] + params.channels, x[2] + params.rows, x[3] + params.columns};
  return ExpectWithinLimits(kName, out[0]);
}

Cost ZeroPad::Count(const Params& params, Shapes in) { return CostOf<ZeroPad>(params, in, 0); }

void ZeroPad::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t column = i % y[3], row = i / y[3] % y[2], c = i / y[3] / y[2] % y[1], n = i / y[3] / y[2] / y[1];
    const bool inside = c < x[1] && row < x[2] && column < x[3];
    out[0].data[i] = inside ? in[kX].data[((n * x[1] + c) * x[2] + row) * x[3] + column] : 0.0;
  }
}

}  // namespace mien
