// linear on the device, the plain form: one warp per output, as in the formula of linear.h. Lane l sums k =
// l, l + 32, ...
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/linear/linear.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct LinearParams {
  const float *x, *weight, *bias, *gate_weight, *gate_bias, *residual;  // as in linear.h; null: absent
  float* y;
  int64_t outputs, inputs, columns, features;
  int64_t row_stride, first_row;  // in rows of x: from one output row to the next, and the first
  Linear::Params op;
};

// y = gate(act(pre(x) W^T gain + b) act_gain) + residual.
__global__ __launch_bounds__(kRowWarps * 32) void MultiplyRows(LinearParams p) {
  const int64_t i = RowIndex(), m = i % p.features, r = i / p.features;
  if (!Inside(i, p.outputs)) return;  // whole warps
  const int64_t context = p.op.contexts > 0 ? r % p.op.contexts : 0;
  const float* x = p.x + (r * p.row_stride + p.first_row) * p.inputs;
  const float* w = p.weight + m * p.columns;
  float t = 0.0f;
  for (int64_t k = LaneIndex(); k < p.inputs; k += kWarpSize) t = fmaf(Activate(p.op.pre, 0.0f, x[k]), w[k], t);
  t = WarpSum(t);
  if (LaneIndex() != 0) return;
  if (p.op.context_in_weight) t += w[p.inputs + context];
  t *= p.op.weight_gain;
  if (p.bias != nullptr) t = fmaf(p.bias[m], p.op.bias_gain, t);
  float y = Activate(p.op.act, p.op.slope, t) * p.op.act_gain;
  if (p.gate_weight != nullptr) y *= Sigmoid(p.gate_weight[m * p.op.contexts + context] + p.gate_bias[m]);
  if (p.residual != nullptr) y += p.residual[i];
  p.y[i] = y;
}

}  // namespace

template <>
Status RunGpu<Linear>(const Linear::Params& params, const GpuCall& call) {
  const auto in = [&](Linear::Input i) { return call.in[i].data; };
  const Shape &x = call.in[Linear::kX].shape, &weight = call.in[Linear::kWeight].shape;
  const int64_t inputs = x.rank == 4 ? x[1] * x[2] * x[3] : x[x.rank - 1];
  const bool one_row = params.row >= 0;
  const LinearParams p = {in(Linear::kX),
                          in(Linear::kWeight),
                          in(Linear::kBias),
                          in(Linear::kGateWeight),
                          in(Linear::kGateBias),
                          in(Linear::kResidual),
                          call.out[0].data,
                          call.out[0].shape.elements(),
                          inputs,
                          weight[1],
                          weight[0],
                          one_row ? x[1] : 1,
                          one_row ? params.row : 0,
                          params};
  return LaunchRows<MultiplyRows>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
