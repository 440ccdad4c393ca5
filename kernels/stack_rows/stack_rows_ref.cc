// stack_rows: shape rules, cost and the double reference.
#include "kernels/stack_rows/stack_rows.h"

#include "kernels/infer.h"

namespace mien {

Status StackRows::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectAtLeast(kName, "rows", 1, params.rows));
  MIEN_TRY(ExpectAtMost(kName, "rows", kMaxRows, params.rows));
  MIEN_TRY(ExpectInputs(kName, in, params.rows + 1));
  MIEN_TRY(ExpectShape(kName, "base", {kAny, kAny}, in[kBase]));
  MIEN_TRY(ExpectShapeIfPresent(kName, "average", {params.rows, in[kBase][1]}, in[kAverage]));
  for (const Shape& delta : in.subspan(kAverage + 1)) {
    MIEN_TRY(ExpectShapeIfPresent(kName, "delta", in[kBase], delta));
  }
  out[0] = {in[kBase][0], params.rows, in[kBase][1]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost StackRows::Count(const Params& params, Shapes in) {
  return CostOf<StackRows>(params, in, 2 * params.rows * in[kBase].elements());
}

void StackRows::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t n = in[kBase].shape[0], d = in[kBase].shape[1], rows = params.rows;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t l = 0; l < rows; ++l) {
      for (int64_t k = 0; k < d; ++k) {
        double y = l == 0 || !params.independent ? in[kBase].data[i * d + k] : 0;
        if (l > 0 && in[kAverage + l].present()) y += in[kAverage + l].data[i * d + k];
        if (in[kAverage].present()) y += in[kAverage].data[l * d + k];
        out[0].data[(i * rows + l) * d + k] = y;
      }
    }
  }
}

}  // namespace mien
