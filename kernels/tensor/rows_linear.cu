// Linear on rows: one block per sixteen features and block of rows; see rows_product.cuh.
#include "kernels/cuda/activation.cuh"
#include "kernels/tensor/rows_linear.h"
#include "kernels/tensor/rows_product.cuh"
#include "kernels/tensor/run.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct LinearParams {
  RowsProduct product;
  const float *factors, *bias, *gate, *residual;  // null: absent
  float* y;
  int outputs, padded;  // padded: numbers of bias and gate from one context to the next
  int bias_contexts, gate_contexts;
  Activation act;
  float slope, act_gain;
};

template <int kVectors, int kTiles, bool kPicked>
__global__ __launch_bounds__(kProductThreads, 1) void LinearOnRows(LinearParams p) {
  float sum[4];
  if (!MultiplyRowTiles<kVectors, kTiles, kPicked>(p.product, sum)) return;
  for (int i = 0; i < 4; ++i) {
    const Element e = FragmentC(LaneIndex(), i);
    const int m = static_cast<int>(blockIdx.x) * kTileFeatures + e.row, r = RowOf<kTiles>(e.column);
    if (!Inside(m, p.outputs) || !Inside(r, p.product.rows)) continue;
    const int64_t at = int64_t{r} * p.outputs + m;
    const float t = fmaf(sum[i], p.factors[m], p.bias[r % p.bias_contexts * p.padded + m]);
    float y = Activate(p.act, p.slope, t) * p.act_gain;
    if (p.gate != nullptr) y *= p.gate[r % p.gate_contexts * p.padded + m];
    if (p.residual != nullptr) y += p.residual[at];
    p.y[at] = y;
  }
}

LinearParams ParamsOf(const RowsLinear::Params& params, const FastCall& call) {
  const RowsLinear::Weights& w = params.weights;
  const RowsLinear::Layout at = RowsLinear::LayoutOf(w);
  const std::byte* packed = static_cast<const std::byte*>(call.in[RowsLinear::kPacked]);
  const auto floats = [&](uint64_t offset) { return reinterpret_cast<const float*>(packed + offset); };
  LinearParams p = {};
  p.product = {static_cast<const float*>(call.in[RowsLinear::kX]) + params.first,
               packed,
               reinterpret_cast<const int*>(packed + at.columns),
               params.norm ? floats(at.norm) : nullptr,
               params.stride,
               params.rows,
               w.inputs,
               InputChunks(w.inputs),
               params.relu};
  p.factors = floats(at.factors);
  p.bias = floats(at.bias);
  p.gate = w.gated ? floats(at.gate) : nullptr;
  p.residual = static_cast<const float*>(call.in[RowsLinear::kResidual]);
  p.y = static_cast<float*>(call.out[RowsLinear::kY]);
  p.outputs = w.outputs;
  p.padded = FeatureTiles(w.outputs) * kTileFeatures;
  p.bias_contexts = w.context_in_weight ? w.contexts : 1;
  p.gate_contexts = w.gated ? w.contexts : 1;
  p.act = params.act;
  p.slope = params.slope;
  p.act_gain = params.act_gain;
  return p;
}

}  // namespace

template <>
Status RunFast<RowsLinear>(const RowsLinear::Params& params, const FastCall& call) {
  const LinearParams p = ParamsOf(params, call);
  const dim3 grid(static_cast<unsigned>(FeatureTiles(params.weights.outputs)),
                  static_cast<unsigned>(RowBlocks(params.rows)));
  return WithRowsKernel(params.weights.precision, params.rows, params.weights.picked,
                        [&]<int kVectors, int kTiles, bool kPicked>() {
                          return Launch<LinearOnRows<kVectors, kTiles, kPicked>>(grid, kProductThreads, 0,
                                                                                 call.stream, p);
                        });
}

}  // namespace mien::MIEN_EXECUTOR
