// upsample on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/upsample/upsample.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct UpsampleParams {
  const float *x, *filter;
  float* y;
  int64_t outputs;
  int height, width;  // of x
  float gain;
};

// The 4x4 filter over the zero-stuffed plane, two zeros before and one behind.
__global__ __launch_bounds__(kOutputThreads) void UpsamplePlanes(UpsampleParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int column = static_cast<int>(i % (2 * p.width)), row = static_cast<int>(i / (2 * p.width) % (2 * p.height));
  const float* x = p.x + i / (2 * p.width) / (2 * p.height) * p.height * p.width;
  float sum = 0.0f;
  for (int a = row % 2; a < 4; a += 2) {
    for (int b = column % 2; b < 4; b += 2) {
      const int r = (row + a) / 2 - 1, c = (column + b) / 2 - 1;
      if (Inside(r, p.height) && Inside(c, p.width)) {
        sum = fmaf(p.filter[(3 - a) * 4 + (3 - b)], x[r * p.width + c], sum);
      }
    }
  }
  p.y[i] = sum * p.gain;
}

}  // namespace

template <>
Status RunGpu<Upsample>(const Upsample::Params& params, const GpuCall& call) {
  const View<const float>& x = call.in[Upsample::kX];
  const UpsampleParams p = {x.data,
                            call.in[Upsample::kFilter].data,
                            call.out[0].data,
                            call.out[0].shape.elements(),
                            static_cast<int>(x.shape[2]),
                            static_cast<int>(x.shape[3]),
                            params.gain};
  return LaunchOutputs<UpsamplePlanes>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
