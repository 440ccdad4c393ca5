// concat: shape rules, cost and the double reference.
#include "kernels/concat/concat.h"

#include "kernels/infer.h"

namespace mien {

Status Concat::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "a", {kAny, kAny}, in[kA]));
  MIEN_TRY(ExpectShape(kName, "b", {in[kA][0], kAny}, in[kB]));
  out[0] = {in[kA][0], in[kA][1] + in[kB][1]};
  return ExpectWithinLimits(kName, out[0]);
}

Cost Concat::Count(const Params& params, Shapes in) { return CostOf<Concat>(params, in, 0); }

void Concat::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t n = in[kA].shape[0], a = in[kA].shape[1], b = in[kB].shape[1];
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < a; ++k) out[0].data[i * (a + b) + k] = in[kA].data[i * a + k];
    for (int64_t k = 0; k < b; ++k) out[0].data[i * (a + b) + a + k] = in[kB].data[i * b + k];
  }
}

}  // namespace mien
