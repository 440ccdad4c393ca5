// linear on the device, the plain form: one warp per output, as in the formula of linear.h. Lane l sums k =
// l, l + 32, ...
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/linear/linear.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kWarps = 4;

struct LinearParams {
  const float *x, *weight, *bias, *gate_weight, *gate_bias, *residual;  // as in linear.h; null: absent
  float* y;
  int inputs, columns, features;
  int row_stride, first_row;  // in rows of x: from one output row to the next, and the first
  Linear::Params op;
};

// y = gate(act(pre(x) W^T gain + b) act_gain) + residual. Grid (M / 4, rows).
__global__ __launch_bounds__(32 * kWarps) void MultiplyRows(LinearParams p) {
  const int m = static_cast<int>(blockIdx.x) * kWarps + WarpIndex(), r = static_cast<int>(blockIdx.y);
  if (!Inside(m, p.features)) return;  // whole warps
  const int context = p.op.contexts > 0 ? r % p.op.contexts : 0;
  const float* x = p.x + (r * p.row_stride + p.first_row) * p.inputs;
  const float* w = p.weight + m * p.columns;
  float t = 0.0f;
  for (int k = LaneIndex(); k < p.inputs; k += warpSize) t = fmaf(Activate(p.op.pre, 0.0f, x[k]), w[k], t);
  t = WarpSum(t);
  if (LaneIndex() != 0) return;
  if (p.op.context_in_weight) t += w[p.inputs + context];
  t *= p.op.weight_gain;
  if (p.bias != nullptr) t = fmaf(p.bias[m], p.op.bias_gain, t);
  float y = Activate(p.op.act, p.op.slope, t) * p.op.act_gain;
  if (p.gate_weight != nullptr) y *= Sigmoid(p.gate_weight[m * p.op.contexts + context] + p.gate_bias[m]);
  if (p.residual != nullptr) y += p.residual[r * p.features + m];
  p.y[r * p.features + m] = y;
}

}  // namespace

template <>
int64_t GpuScratchFloats<Linear>(const Linear::Params&, Shapes) {
  return 0;
}

template <>
Status RunGpu<Linear>(const Linear::Params& params, const GpuCall& call) {
  const auto in = [&](Linear::Input i) { return call.in[i].data; };
  const Shape &x = call.in[Linear::kX].shape, &weight = call.in[Linear::kWeight].shape;
  const int64_t inputs = x.rank == 4 ? x[1] * x[2] * x[3] : x[x.rank - 1];
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  const bool one_row = params.row >= 0;
  const LinearParams p = {in(Linear::kX),
                          in(Linear::kWeight),
                          in(Linear::kBias),
                          in(Linear::kGateWeight),
                          in(Linear::kGateBias),
                          in(Linear::kResidual),
                          call.out[0].data,
                          size(inputs),
                          size(weight[1]),
                          size(weight[0]),
                          one_row ? size(x[1]) : 1,
                          one_row ? params.row : 0,
                          params};
  const auto rows = static_cast<unsigned>(call.out[0].shape.elements() / weight[0]);
  return Launch<MultiplyRows>(dim3(Blocks(weight[0], kWarps), rows), 32 * kWarps, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
