// flow_norm on the device, the plain form: one warp per row.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/flow_norm/flow_norm.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct FlowNormParams {
  const float *x, *unconstrained, *bias, *mean, *var;
  float *y, *logabsdet;
  int64_t rows, columns;
  FlowNorm::Params op;
};

__device__ float Softplus(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

// y = weight (x - mean) / sqrt(var + eps) + bias, weight = softplus(unconstrained) + eps, or its inverse;
// logabsdet = +-sum(log weight - log(var + eps) / 2).
__global__ __launch_bounds__(kRowWarps * 32) void NormalizeFlow(FlowNormParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  float log_scales = 0.0f;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) {
    const float weight = Softplus(p.unconstrained[k]) + p.op.eps, var = p.var[k] + p.op.eps;
    const float x = p.x[row * p.columns + k];
    p.y[row * p.columns + k] = p.op.inverse ? fmaf(sqrtf(var) * (x - p.bias[k]), 1.0f / weight, p.mean[k])
                                            : fmaf(weight * (x - p.mean[k]), 1.0f / sqrtf(var), p.bias[k]);
    log_scales += logf(weight) - logf(var) / 2.0f;
  }
  log_scales = WarpSum(log_scales);
  if (LaneIndex() == 0) p.logabsdet[row] = p.op.inverse ? -log_scales : log_scales;
}

}  // namespace

template <>
Status RunGpu<FlowNorm>(const FlowNorm::Params& params, const GpuCall& call) {
  const auto in = [&](FlowNorm::Input i) { return call.in[i].data; };
  const FlowNormParams p = {in(FlowNorm::kX),
                            in(FlowNorm::kUnconstrained),
                            in(FlowNorm::kBias),
                            in(FlowNorm::kMean),
                            in(FlowNorm::kVar),
                            call.out[0].data,
                            call.out[1].data,
                            call.out[1].shape.elements(),
                            call.out[0].shape[2],
                            params};
  return LaunchRows<NormalizeFlow>(p.rows, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
