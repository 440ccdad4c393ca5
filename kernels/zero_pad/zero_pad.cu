// zero_pad on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/zero_pad/zero_pad.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct ZeroPadParams {
  const float* x;
  float* y;
  int64_t outputs;
  int in_channels, in_height, in_width, channels, height, width;
};

// y = x where there is an x, else 0.
__global__ __launch_bounds__(kOutputThreads) void AppendZeros(ZeroPadParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t column = i % p.width, row = i / p.width % p.height, plane = i / p.width / p.height;
  const int64_t c = plane % p.channels, n = plane / p.channels;
  const bool inside = Inside(c, p.in_channels) && Inside(row, p.in_height) && Inside(column, p.in_width);
  p.y[i] = inside ? p.x[((n * p.in_channels + c) * p.in_height + row) * p.in_width + column] : 0.0f;
}

}  // namespace

template <>
Status RunGpu<ZeroPad>(const ZeroPad::Params&, const GpuCall& call) {
  const Shape &x = call.in[ZeroPad::kX].shape, &y = call.out[0].shape;
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const ZeroPadParams p = {call.in[ZeroPad::kX].data,
                           call.out[0].data,
                           y.elements(),
                           size(x[1]),
                           size(x[2]),
                           size(x[3]),
                           size(y[1]),
                           size(y[2]),
                           size(y[3])};
  return LaunchOutputs<AppendZeros>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
