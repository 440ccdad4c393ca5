// affine_coupling on the device, the plain form: one warp per row.
#include "kernels/affine_coupling/affine_coupling.h"
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct AffineCouplingParams {
  const float *x, *p, *index;
  float *y, *logabsdet;
  int64_t rows, columns, transformed, stride;  // stride: numbers of p per row
  AffineCoupling::Params op;
};

// log(sigmoid(t) + 1e-3); near zero from the scale's distance to one, which floats keep.
__device__ float LogScale(float t) {
  return t > 0.0f ? log1pf(1e-3f - Sigmoid(-t)) : logf(Sigmoid(t) + 1e-3f);
}

// v' = v scale + shift or (v - shift) / scale, scale = sigmoid(raw + 2) + 1e-3; logabsdet = +-sum log scale.
__global__ __launch_bounds__(kRowWarps * 32) void CoupleColumns(AffineCouplingParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  const float *x = p.x + row * p.columns, *shift = p.p + row * p.stride, *raw = shift + p.transformed;
  float* y = p.y + row * p.columns;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) y[k] = x[k];
  __syncwarp();  // y: copied by any lane | written again by the lane of the column
  float log_scales = 0.0f;
  for (int64_t t = LaneIndex(); t < p.transformed; t += kWarpSize) {
    const int k = static_cast<int>(p.index[t]);
    const float scale = p.op.additive ? 1.0f : Sigmoid(raw[t] + 2.0f) + 1e-3f;
    y[k] = p.op.inverse ? (x[k] - shift[t]) / scale : fmaf(x[k], scale, shift[t]);
    if (!p.op.additive) log_scales += LogScale(raw[t] + 2.0f);
  }
  log_scales = WarpSum(log_scales);
  if (LaneIndex() == 0) p.logabsdet[row] = p.op.inverse ? -log_scales : log_scales;
}

}  // namespace

template <>
Status RunGpu<AffineCoupling>(const AffineCoupling::Params& params, const GpuCall& call) {
  const auto in = [&](AffineCoupling::Input i) { return call.in[i].data; };
  const AffineCouplingParams p = {in(AffineCoupling::kX),
                                  in(AffineCoupling::kP),
                                  in(AffineCoupling::kIndex),
                                  call.out[0].data,
                                  call.out[1].data,
                                  call.out[1].shape.elements(),
                                  call.out[0].shape[2],
                                  call.in[AffineCoupling::kIndex].shape[0],
                                  call.in[AffineCoupling::kP].shape[2],
                                  params};
  return LaunchRows<CoupleColumns>(p.rows, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
