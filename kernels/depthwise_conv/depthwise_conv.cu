// depthwise_conv on the device, the plain form: one thread per output.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/depthwise_conv/depthwise_conv.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct DepthwiseConvParams {
  const float *x, *weight, *bias, *gamma, *beta, *mean, *var;  // as in depthwise_conv.h; null: absent
  float* y;
  int64_t outputs;
  int channels, in_height, in_width, height, width;
  DepthwiseConv::Params op;
};

// y = clamp(act(norm(conv(pre(x), W) + bias))).
__global__ __launch_bounds__(kOutputThreads) void ConvolveChannels(DepthwiseConvParams p) {
  constexpr int kKernel = DepthwiseConv::kKernel;
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int column = static_cast<int>(i % p.width), row = static_cast<int>(i / p.width % p.height);
  const int64_t plane = i / p.width / p.height;
  const int c = static_cast<int>(plane % p.channels);
  const int top = row * p.op.stride - p.op.pad, left = column * p.op.stride - p.op.pad;
  const float* const x = p.x + plane * p.in_height * p.in_width;
  float t = 0.0f;
  for (int k = 0; k < kKernel * kKernel; ++k) {
    const int r = top + k / kKernel, s = left + k % kKernel;
    if (!Inside(r, p.in_height) || !Inside(s, p.in_width)) continue;
    t = fmaf(p.weight[c * kKernel * kKernel + k], Activate(p.op.pre, 0.0f, x[r * p.in_width + s]), t);
  }
  if (p.bias != nullptr) t += p.bias[c];
  if (p.mean != nullptr) t = (t - p.mean[c]) / sqrtf(p.var[c] + p.op.eps);
  if (p.gamma != nullptr) t = t * p.gamma[c] + p.beta[c];
  p.y[i] = Clamp(Activate(p.op.act, p.op.slope, t), p.op.clamp);
}

}  // namespace

template <>
Status RunGpu<DepthwiseConv>(const DepthwiseConv::Params& params, const GpuCall& call) {
  const auto in = [&](DepthwiseConv::Input i) { return call.in[i].data; };
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const Shape &x = call.in[DepthwiseConv::kX].shape, &y = call.out[0].shape;
  const DepthwiseConvParams p = {in(DepthwiseConv::kX),
                                 in(DepthwiseConv::kWeight),
                                 in(DepthwiseConv::kBias),
                                 in(DepthwiseConv::kGamma),
                                 in(DepthwiseConv::kBeta),
                                 in(DepthwiseConv::kMean),
                                 in(DepthwiseConv::kVar),
                                 call.out[0].data,
                                 y.elements(),
                                 size(x[1]),
                                 size(x[2]),
                                 size(x[3]),
                                 size(y[2]),
                                 size(y[3]),
                                 params};
  return LaunchOutputs<ConvolveChannels>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
