// broadcast_rows: shape rules, cost and the double reference.
#include "kernels/broadcast_rows/broadcast_rows.h"

#include "kernels/infer.h"

namespace mien {

Status BroadcastRows::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectAtLeast(kName, "rows", 1, params.rows));
  MIEN_TRY(ExpectAtLeast(kName, "cutoff", -1, params.cutoff));
  MIEN_TRY(ExpectShape(kName, "w", {kAny, kAny}, in[kW]));
  MIEN_TRY(ExpectShapeIfPresent(kName, "avg", {in[kW][1]}, in[kAvg]));
  out[0] = {in[kW][0], params.rows, in[kW][1]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost BroadcastRows::Count(const Params& params, Shapes in) {
  const bool truncated = in[kAvg].present() && params.psi != 1.0f;
  return CostOf<BroadcastRows>(params, in, truncated ? in[kW].elements() : 0);
}

void BroadcastRows::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const int64_t n = in[kW].shape[0], d = in[kW].shape[1], rows = params.rows;
  const int64_t cutoff = params.cutoff < 0 ? rows : params.cutoff;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t l = 0; l < rows; ++l) {
      for (int64_t k = 0; k < d; ++k) {
        const double w = in[kW].data[i * d + k];
        const double avg = in[kAvg].present() ? in[kAvg].data[k] : 0.0;
        const bool truncated = in[kAvg].present() && l < cutoff;
        out[0].data[(i * rows + l) * d + k] = truncated ? avg + params.psi * (w - avg) : w;
      }
    }
  }
}

}  // namespace mien
