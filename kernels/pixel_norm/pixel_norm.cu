// pixel_norm on the device, the plain form: one warp per row.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/pixel_norm/pixel_norm.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct PixelNormParams {
  const float* x;
  float* y;
  int64_t rows, columns;
  float eps;
};

// y = x rsqrt(mean(x^2) + eps).
__global__ __launch_bounds__(kRowWarps * 32) void NormalizeRows(PixelNormParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  const float* x = p.x + row * p.columns;
  float squares = 0.0f;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) squares = fmaf(x[k], x[k], squares);
  const float factor = rsqrtf(WarpSum(squares) / static_cast<float>(p.columns) + p.eps);
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) p.y[row * p.columns + k] = x[k] * factor;
}

}  // namespace

template <>
Status RunGpu<PixelNorm>(const PixelNorm::Params& params, const GpuCall& call) {
  const Shape& x = call.in[PixelNorm::kX].shape;
  const PixelNormParams p = {call.in[PixelNorm::kX].data, call.out[0].data, x[0], x[1], params.eps};
  return LaunchRows<NormalizeRows>(p.rows, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
