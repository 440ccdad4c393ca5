// select_columns: shape rules, cost and the double reference.
#include "kernels/select_columns/select_columns.h"

#include "kernels/infer.h"

namespace mien {

Status SelectColumns::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectShape(kName, "index", {kAny}, in[kIndex]));
  out[0] = {in[kX][0], in[kX][1], in[kIndex][0]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost SelectColumns::Count(const Params& params, Shapes in) { return CostOf<SelectColumns>(params, in, 0); }

void SelectColumns::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t d = in[kX].shape[2], selected = in[kIndex].shape[0];
  for (int64_t row = 0; row < in[kX].shape[0] * in[kX].shape[1]; ++row) {
    for (int64_t k = 0; k < selected; ++k) {
      out[0].data[row * selected + k] = in[kX].data[row * d + static_cast<int64_t>(in[kIndex].data[k])];
    }
  }
}

}  // namespace mien
