// l2_normalize on the device, the plain form: one warp per row.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/l2_normalize/l2_normalize.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct L2NormalizeParams {
  const float* x;
  float* y;
  int64_t rows, columns;
};

// y = x / ||x||, of x over its largest number: squares of floats can leave the floats. Zeros stay zeros.
__global__ __launch_bounds__(kRowWarps * 32) void DivideByNorm(L2NormalizeParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  const float* x = p.x + row * p.columns;
  float largest = 0.0f, squares = 0.0f;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) largest = fmaxf(largest, fabsf(x[k]));
  largest = WarpLargest(largest);
  if (largest == 0.0f) largest = 1.0f;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) {
    const float v = x[k] / largest;
    squares = fmaf(v, v, squares);
  }
  const float norm = sqrtf(WarpSum(squares));
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) {
    p.y[row * p.columns + k] = norm > 0.0f ? x[k] / largest / norm : 0.0f;
  }
}

}  // namespace

template <>
Status RunGpu<L2Normalize>(const L2Normalize::Params&, const GpuCall& call) {
  const Shape& x = call.in[L2Normalize::kX].shape;
  const L2NormalizeParams p = {call.in[L2Normalize::kX].data, call.out[0].data, x[0], x[1]};
  return LaunchRows<DivideByNorm>(p.rows, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
