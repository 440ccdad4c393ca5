// repeat_batch: shape rules, cost and the double reference.
#include "kernels/repeat_batch/repeat_batch.h"

#include "kernels/infer.h"

namespace mien {

Status RepeatBatch::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectAtLeast(kName, "batch", 1, params.batch));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny}, in[kX]));
  out[0] = {params.batch, in[kX][0], in[kX][1], in[kX][2]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost RepeatBatch::Count(const Params& params, Shapes in) { return CostOf<RepeatBatch>(params, in, 0); }

void RepeatBatch::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t size = in[kX].shape.elements();
  for (int64_t n = 0; n < params.batch; ++n) {
    for (int64_t i = 0; i < size; ++i) out[0].data[n * size + i] = in[kX].data[i];
  }
}

}  // namespace mien
