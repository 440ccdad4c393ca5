// subsample on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/subsample/subsample.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct SubsampleParams {
  const float* x;
  float* y;
  int64_t outputs;
  int in_height, in_width, height, width, stride;
};

// y = x[:,:,::s,::s].
__global__ __launch_bounds__(kOutputThreads) void TakeEveryPixel(SubsampleParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t column = i % p.width, row = i / p.width % p.height, plane = i / p.width / p.height;
  p.y[i] = p.x[(plane * p.in_height + row * p.stride) * p.in_width + column * p.stride];
}

}  // namespace

template <>
Status RunGpu<Subsample>(const Subsample::Params& params, const GpuCall& call) {
  const Shape &x = call.in[Subsample::kX].shape, &y = call.out[0].shape;
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const SubsampleParams p = {call.in[Subsample::kX].data,
                             call.out[0].data,
                             y.elements(),
                             size(x[2]),
                             size(x[3]),
                             size(y[2]),
                             size(y[3]),
                             params.stride};
  return LaunchOutputs<TakeEveryPixel>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
