// global_avg_pool: shape rules, cost and the double reference.
#include "kernels/global_avg_pool/global_avg_pool.h"

#include "kernels/infer.h"

namespace mien {

Status GlobalAvgPool::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  out[0] = {in[kX][0], in[kX][1]};
  return {};
}

Cost GlobalAvgPool::Count(const Params& params, Shapes in) {
  return CostOf<GlobalAvgPool>(params, in, in[kX].elements());
}

void GlobalAvgPool::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t plane = in[kX].shape[2] * in[kX].shape[3];
  for (int64_t nc = 0; nc < out[0].shape.elements(); ++nc) {
    double sum = 0.0;
    for (int64_t i = 0; i < plane; ++i) sum += in[kX].data[nc * plane + i];
    out[0].data[nc] = sum / static_cast<double>(plane);
  }
}

}  // namespace mien
