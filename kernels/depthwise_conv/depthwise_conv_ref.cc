// depthwise_conv: shape rules, cost and the double reference.
#include <algorithm>
#include <cmath>

#include "kernels/depthwise_conv/depthwise_conv.h"
#include "kernels/infer.h"

namespace mien {
namespace {

SlidingWindow WindowOf(const DepthwiseConv::Params& params) {
  return {DepthwiseConv::kKernel, params.stride, params.pad, params.end_pad};
}

double Activate(Activation act, double slope, double t) {
  if (act == Activation::kNone || t >= 0) return t;
  return act == Activation::kRelu ? 0.0 : slope * t;
}

}  // namespace

Status DepthwiseConv::Infer(const Params& params, Shapes in, Shape* out) {
  MIEN_TRY(ExpectInputs(kName, in, kInputs));
  const Shape& x = in[kX];
  MIEN_TRY(ExpectShape(kName, "x", {kAny, kAny, kAny, kAny}, x));
  MIEN_TRY(ExpectShape(kName, "weight", {x[1], 1, kKernel, kKernel}, in[kWeight]));
  const SlidingWindow window = WindowOf(params);
  MIEN_TRY(ExpectWindow(kName, window, x));
  if (params.pre != Activation::kNone && params.pre != Activation::kRelu) {
    return Status::Error(Code::kUsage, "depthwise_conv: pre: none or relu expected, another activation found");
  }
  if (params.act == Activation::kPRelu || params.act == Activation::kSigmoid) {
    return Status::Error(Code::kUsage, "depthwise_conv: act: none, relu or leaky expected, another activation found");
  }
  MIEN_TRY(ExpectAtLeast(kName, "clamp", 0, params.clamp));
  MIEN_TRY(ExpectShapeIfPresent(kName, "bias", {x[1]}, in[kBias]));
  MIEN_TRY(ExpectNorm(kName, in.subspan(kGamma, 4), x[1]));
  out[0] = {x[0], x[1], window.Places(x[2]), window.Places(x[3])};
  return ExpectWithinLimits(kName, out[0]);
}

Cost DepthwiseConv::Count(const Params& params, Shapes in) {
  const SlidingWindow window = WindowOf(params);
  const int64_t outputs = in[kX][0] * in[kX][1] * window.Places(in[kX][2]) * window.Places(in[kX][3]);
  return CostOf<DepthwiseConv>(params, in, kKernel * kKernel * outputs);
}

void DepthwiseConv::Ref(const Params& params, Inputs<double> in, Outputs<double> out) {
  const Shape &x = in[kX].shape, &y = out[0].shape;
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t column = i % y[3], row = i / y[3] % y[2], plane = i / y[3] / y[2], c = plane % y[1];
    double t = 0;
    for (int64_t ky = 0; ky < kKernel; ++ky) {
      for (int64_t kx = 0; kx < kKernel; ++kx) {
        const int64_t r = row * params.stride + ky - params.pad, s = column * params.stride + kx - params.pad;
        if (r < 0 || s < 0 || r >= x[2] || s >= x[3]) continue;
        const double pixel = in[kX].data[(plane * x[2] + r) * x[3] + s];
        t += in[kWeight].data[(c * kKernel + ky) * kKernel + kx] * Activate(params.pre, 0, pixel);
      }
    }
    if (in[kBias].present()) t += in[kBias].data[c];
    if (in[kMean].present()) t = (t - in[kMean].data[c]) / std::sqrt(in[kVar].data[c] + params.eps);
    if (in[kGamma].present()) t = t * in[kGamma].data[c] + in[kBeta].data[c];
    t = Activate(params.act, params.slope, t);
    out[0].data[i] = params.clamp > 0 ? std::clamp<double>(t, -params.clamp, params.clamp) : t;
  }
}

}  // namespace mien
