// resize on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/resize/resize.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct ResizeParams {
  const float *x, *addend;  // addend null: absent
  float* y;
  int64_t outputs;
  int in_height, in_width, height, width;
  bool align_corners;
};

// Where an output coordinate falls between two neighbours of an axis.
struct Tap {
  int low, high;
  float fraction;
};

// The coordinate is a fraction of whole numbers; in floats it would be off by more than the colours' rounding.
__device__ Tap TapOf(int i, int size, int out_size, bool align_corners) {
  const int64_t over = align_corners ? int64_t{i} * (size - 1) : int64_t{2 * i + 1} * size - out_size;
  const int64_t under = align_corners ? max(out_size - 1, 1) : 2 * out_size;
  const int64_t source = max(over, int64_t{0});
  const int low = static_cast<int>(source / under);
  return {low, min(low + 1, size - 1), static_cast<float>(source % under) / static_cast<float>(under)};
}

__device__ float Between(float a, float b, float fraction) { return fmaf(fraction, b, (1.0f - fraction) * a); }

__global__ __launch_bounds__(kOutputThreads) void ResizePlanes(ResizeParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int column = static_cast<int>(i % p.width), row = static_cast<int>(i / p.width % p.height);
  const float* x = p.x + i / p.width / p.height * p.in_height * p.in_width;
  const Tap u = TapOf(column, p.in_width, p.width, p.align_corners);
  const Tap v = TapOf(row, p.in_height, p.height, p.align_corners);
  const float *low = x + v.low * p.in_width, *high = x + v.high * p.in_width;
  const float y = Between(Between(low[u.low], low[u.high], u.fraction), Between(high[u.low], high[u.high], u.fraction),
                          v.fraction);
  p.y[i] = p.addend != nullptr ? y + p.addend[i] : y;
}

}  // namespace

template <>
Status RunGpu<Resize>(const Resize::Params& params, const GpuCall& call) {
  const Shape& x = call.in[Resize::kX].shape;
  const ResizeParams p = {call.in[Resize::kX].data,
                          call.in[Resize::kAddend].data,
                          call.out[0].data,
                          call.out[0].shape.elements(),
                          static_cast<int>(x[2]),
                          static_cast<int>(x[3]),
                          params.height,
                          params.width,
                          params.align_corners};
  return LaunchOutputs<ResizePlanes>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
