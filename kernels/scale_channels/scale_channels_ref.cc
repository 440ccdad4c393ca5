// scale_channels: shape rules, cost and the double reference.
#include "kernels/scale_channels/scale_channels.h"

#include "kernels/infer.h"

namespace mien {

Status ScaleChannels::Infer(const Params&, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, in[kX]));
  MIEN_TRY(ExpectShape(kName, "e", {in[kX][0], in[kX][1]}, in[kE]));
  out[0] = in[kX];
  return {};
}

Cost ScaleChannels::Count(const Params& params, Shapes in) {
  return CostOf<ScaleChannels>(params, in, in[kX].elements());
}

void ScaleChannels::Ref(const Params&, Inputs<double> in, Outputs<double> out) {
  const int64_t plane = in[kX].shape[2] * in[kX].shape[3];
  for (int64_t i = 0; i < in[kX].shape.elements(); ++i) {
    out[0].data[i] = in[kX].data[i] * in[kE].data[i / plane];
  }
}

}  // namespace mien
