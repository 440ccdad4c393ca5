// batch_norm on the device, the plain form: one thread per output.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct BatchNormParams {
  const float *x, *gamma, *beta, *mean, *var;
  float* y;
  int64_t outputs, plane, channels;
  BatchNorm::Params op;
};

// y = (x - mean) / sqrt(var + eps) gamma + beta.
__global__ __launch_bounds__(kOutputThreads) void NormalizeChannels(BatchNormParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t c = i / p.plane % p.channels;
  const float y = fmaf((p.x[i] - p.mean[c]) / sqrtf(p.var[c] + p.op.eps), p.gamma[c], p.beta[c]);
  p.y[i] = p.op.relu ? fmaxf(y, 0.0f) : y;
}

}  // namespace

template <>
Status RunGpu<BatchNorm>(const BatchNorm::Params& params, const GpuCall& call) {
  const auto in = [&](BatchNorm::Input i) { return call.in[i].data; };
  const Shape& x = call.in[BatchNorm::kX].shape;
  const BatchNormParams p = {in(BatchNorm::kX),
                             in(BatchNorm::kGamma),
                             in(BatchNorm::kBeta),
                             in(BatchNorm::kMean),
                             in(BatchNorm::kVar),
                             call.out[0].data,
                             x.elements(),
                             x.rank == 4 ? x[2] * x[3] : 1,
                             call.in[BatchNorm::kGamma].shape[0],
                             params};
  return LaunchOutputs<NormalizeChannels>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
