// pool2d on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/pool2d/pool2d.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct PoolParams {
  const float* x;
  float* y;
  int64_t outputs;
  int in_height, in_width, height, width;
  Pool2d::Params op;
};

// The largest or the mean of the pixels under the window.
__global__ __launch_bounds__(kOutputThreads) void PoolWindows(PoolParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int column = static_cast<int>(i % p.width), row = static_cast<int>(i / p.width % p.height);
  const float* const x = p.x + i / p.width / p.height * p.in_height * p.in_width;
  const int top = row * p.op.stride - p.op.pad, left = column * p.op.stride - p.op.pad;
  const int first_row = max(top, 0), end_row = min(top + p.op.kernel, p.in_height);
  const int first_column = max(left, 0), end_column = min(left + p.op.kernel, p.in_width);
  float largest = x[first_row * p.in_width + first_column], sum = 0.0f;
  for (int r = first_row; r < end_row; ++r) {
    for (int s = first_column; s < end_column; ++s) {
      const float pixel = x[r * p.in_width + s];
      largest = fmaxf(largest, pixel);
      sum += pixel;
    }
  }
  const int pixels = (end_row - first_row) * (end_column - first_column);
  p.y[i] = p.op.kind == PoolKind::kMax ? largest : sum / static_cast<float>(pixels);
}

}  // namespace

template <>
Status RunGpu<Pool2d>(const Pool2d::Params& params, const GpuCall& call) {
  const Shape &x = call.in[Pool2d::kX].shape, &y = call.out[0].shape;
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const PoolParams p = {call.in[Pool2d::kX].data,
                        call.out[0].data,
                        y.elements(),
                        size(x[2]),
                        size(x[3]),
                        size(y[2]),
                        size(y[3]),
                        params};
  return LaunchOutputs<PoolWindows>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
