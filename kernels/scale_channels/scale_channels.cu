// scale_channels on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/scale_channels/scale_channels.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct ScaleChannelsParams {
  const float *x, *e;
  float* y;
  int64_t outputs, plane;
};

__global__ __launch_bounds__(kOutputThreads) void ScalePlanes(ScaleChannelsParams p) {
  const int64_t i = OutputIndex();
  if (Inside(i, p.outputs)) p.y[i] = p.x[i] * p.e[i / p.plane];
}

}  // namespace

template <>
Status RunGpu<ScaleChannels>(const ScaleChannels::Params&, const GpuCall& call) {
  const View<const float>& x = call.in[ScaleChannels::kX];
  const ScaleChannelsParams p = {x.data, call.in[ScaleChannels::kE].data, call.out[0].data, x.shape.elements(),
                                 x.shape[2] * x.shape[3]};
  return LaunchOutputs<ScalePlanes>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
