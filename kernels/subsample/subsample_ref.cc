// subsample: shape rules, cost and the double reference.
#include "kernels/subsample/subsample.h"

#include "kernels/infer.h"

namespace mien {

Status Subsample::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectAtLeast(kName, "stride", 1, params.stride));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  const int64_t s = params.stride;
  out[0] = {in[kX][0], in[kX][1], (in[kX][2] - 1) / s + 1, (in[kX][3] - 1) / s + 1};
  return {};
}

Cost Subsample::Count(const Params& params, Shapes in) { return CostOf<Subsample>(params, in, 0); }

void Subsample::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape& x = in[kX].shape;
  const Shape& y = out[0].shape;
  for (int64_t nc = 0; nc < x[0] * x[1]; ++nc) {
    for (int64_t i = 0; i < y[2]; ++i) {
      for (int64_t j = 0; j < y[3]; ++j) {
        out[0].data[(nc * y[2] + i) * y[3] + j] =
            in[kX].data[(nc * x[2] + i * params.stride) * x[3] + j * params.stride];
      }
    }
  }
}

}  // namespace mien
