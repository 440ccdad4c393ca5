// bias_act: shape rules, cost and the double reference.
#include "kernels/bias_act/bias_act.h"

#include <algorithm>
#include <cmath>

#include "kernels/infer.h"

namespace mien {

Status BiasAct::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[kX];
  const Shape& noise = in[kNoise];
  if (x.rank == 2) {
    MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny}, x));
    MIEN_TRY(ExpectAbsent(kName, "noise", noise));
  } else {
    MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, x));
    const int64_t maps = noise.rank > 0 && noise[0] == 1 ? 1 : x[0];
    MIEN_TRY(ExpectShapeIfPresent(kName, "noise", {maps, 1, x[2], x[3]}, noise));
  }
  if (noise.present()) {
    MIEN_TRY(ExpectShape(kName, "noise_strength", {1}, in[kNoiseStrength]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "noise_strength", in[kNoiseStrength]));
  }
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {x[1]}, in[kBias]));
  if (params.act == Activation::kPRelu) {
    MIEN_TRY(ExpectShape(kName, "prelu", {x[1]}, in[kPrelu]));
  } else {
    MIEN_TRY(ExpectAbsent(kName, "prelu", in[kPrelu]));
  }
  MIEN_TRY(ExpectAtLeast(kName, "clamp", 0, params.clamp));
  out[0] = x;
  return {};
}

Cost BiasAct::Count(const Params& params, Shapes in) {
  return CostOf<BiasAct>(params, in, (in[kNoise].present() ? 2 : 1) * in[kX].elements());
}

void BiasAct::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape& shape = in[kX].shape;
  const int64_t n = shape[0], c = shape[1], plane = shape.elements() / (n * c);
  const bool noise_per_sample = in[kNoise].present() && in[kNoise].shape[0] == n;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < c; ++j) {
      for (int64_t k = 0; k < plane; ++k) {
        double y = in[kX].data[(i * c + j) * plane + k];
        if (in[kNoise].present()) {
          y += in[kNoiseStrength].data[0] * in[kNoise].data[(noise_per_sample ? i * plane : 0) + k];
        }
        if (in[kBias].present()) y += in[kBias].data[j];
        switch (params.act) {
          case Activation::kNone: break;
          case Activation::kRelu: y = y < 0 ? 0 : y; break;
          case Activation::kLeaky: y = y < 0 ? params.slope * y : y; break;
          case Activation::kPRelu: y = y < 0 ? in[kPrelu].data[j] * y : y; break;
          case Activation::kSigmoid: y = 1 / (1 + std::exp(-y)); break;
        }
        y *= params.act_gain;
        if (params.clamp > 0) y = std::clamp<double>(y, -params.clamp, params.clamp);
        out[0].data[(i * c + j) * plane + k] = y;
      }
    }
  }
}

}  // namespace mien
