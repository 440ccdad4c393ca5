// The end of a coupling: one block per eight transformed columns and block of rows; see rows_product.cuh. A
// finishing lane holds shift and raw scale of one column for two rows.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block.cuh"
#include "kernels/tensor/rows_coupling.h"
#include "kernels/tensor/rows_product.cuh"
#include "kernels/tensor/run.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kSumThreads = 128;

struct CouplingParams {
  RowsProduct product;
  const float *factors, *bias;
  const int* columns;
  const float* norm;  // of the direction; null: absent
  const float* constant;
  const float* x;
  float *y, *parts;
  int slots, features;
  int parts_per_row, first_part;
  bool inverse, additive;
};

__device__ inline float Normed(const CouplingParams& p, int slot, float v) {
  if (p.norm == nullptr) return v;
  return fmaf(v - p.norm[slot], p.norm[2 * p.slots + slot], p.norm[4 * p.slots + slot]);
}

// Writes the slot's column of row r; answers log(scale).
__device__ inline float Transform(const CouplingParams& p, int slot, int r, float shift, float raw) {
  const int column = p.columns[slot];
  if (!Inside(column, p.features)) return 0.0f;
  const float scale = p.additive ? 1.0f : Sigmoid(raw + 2.0f) + 1e-3f;
  const int64_t at = int64_t{r} * p.features + column;
  const float v = p.x[at];
  p.y[at] = p.inverse ? (Normed(p, slot, v) - shift) / scale : Normed(p, slot, fmaf(v, scale, shift));
  return p.additive ? 0.0f : logf(scale);
}

__device__ inline void CarryOver(const CouplingParams& p, int slot, int r) {
  const int column = p.columns[slot];
  if (!Inside(column, p.features)) return;
  const int64_t at = int64_t{r} * p.features + column;
  p.y[at] = Normed(p, slot, p.x[at]);
}

template <int kVectors, int kTiles, bool kPicked>
__global__ __launch_bounds__(kProductThreads, 1) void CoupleRows(CouplingParams p) {
  float sum[4];
  if (!MultiplyRowTiles<kVectors, kTiles, kPicked>(p.product, sum)) return;
  const int tile = static_cast<int>(blockIdx.x), column = LaneIndex() / 4;
  const int slot = tile * kTileColumns + column;
  const float* factors = p.factors + tile * kTileFeatures + column;
  const float* bias = p.bias + tile * kTileFeatures + column;
  MIEN_UNROLL
  for (int i = 0; i < 2; ++i) {
    const int r = RowOf<kTiles>(LaneIndex() % 4 * 2 + i);
    const bool inside = Inside(r, p.product.rows);
    float logabsdet = 0.0f;
    if (inside) {
      logabsdet = Transform(p, slot, r, fmaf(sum[i], factors[0], bias[0]),
                            fmaf(sum[2 + i], factors[kTileColumns], bias[kTileColumns]));
      CarryOver(p, p.slots + slot, r);
    }
    for (int distance = 4; distance < kWarpSize; distance *= 2)
      logabsdet += __shfl_xor_sync(kFullWarp, logabsdet, distance);
    if (column != 0 || !inside) continue;
    const float constant = tile == 0 && p.norm != nullptr ? *p.constant : 0.0f;
    p.parts[int64_t{r} * p.parts_per_row + p.first_part + tile] =
        (p.inverse ? -logabsdet : logabsdet) + constant;
  }
}

struct SumParams {
  const float* parts;
  float* sums;
  int rows, parts_per_row;
};

// One warp per row.
__global__ __launch_bounds__(kSumThreads) void SumRowParts(SumParams p) {
  const int r = static_cast<int>(blockIdx.x) * (kSumThreads / kWarpSize) + WarpIndex();
  if (!Inside(r, p.rows)) return;  // whole warps
  float sum = 0.0f;
  for (int i = LaneIndex(); i < p.parts_per_row; i += kWarpSize)
    sum += p.parts[int64_t{r} * p.parts_per_row + i];
  sum = WarpSum(sum);
  if (LaneIndex() == 0) p.sums[r] = sum;
}

CouplingParams ParamsOf(const RowsCoupling::Params& params, const FastCall& call) {
  const RowsCoupling::Weights& w = params.weights;
  const RowsCoupling::Layout at = RowsCoupling::LayoutOf(w);
  const std::byte* packed = static_cast<const std::byte*>(call.in[RowsCoupling::kPacked]);
  const auto floats = [&](uint64_t offset) { return reinterpret_cast<const float*>(packed + offset); };
  CouplingParams p = {};
  p.product = {static_cast<const float*>(call.in[RowsCoupling::kH]),
               packed,
               reinterpret_cast<const int*>(packed + at.inputs),
               nullptr,
               w.inputs,
               params.rows,
               w.inputs,
               InputChunks(w.inputs),
               false};
  p.slots = RowsCoupling::Parts(w) * kTileColumns;
  p.factors = floats(at.factors);
  p.bias = floats(at.bias);
  p.columns = reinterpret_cast<const int*>(packed + at.columns);
  p.norm = w.norm ? floats(at.norm) + (params.inverse ? 6 * p.slots : 0) : nullptr;
  p.constant = floats(at.constants) + (params.inverse ? 1 : 0);
  p.x = static_cast<const float*>(call.in[RowsCoupling::kX]);
  p.y = static_cast<float*>(call.out[RowsCoupling::kY]);
  p.parts = static_cast<float*>(call.out[RowsCoupling::kParts]);
  p.features = w.transformed + w.identity;
  p.parts_per_row = params.parts;
  p.first_part = params.first_part;
  p.inverse = params.inverse;
  p.additive = w.additive;
  return p;
}

}  // namespace

template <>
Status RunFast<RowsCoupling>(const RowsCoupling::Params& params, const FastCall& call) {
  const CouplingParams p = ParamsOf(params, call);
  const dim3 grid(static_cast<unsigned>(RowsCoupling::Parts(params.weights)),
                  static_cast<unsigned>(RowBlocks(params.rows)));
  return WithRowsKernel(params.weights.precision, params.rows, params.weights.inputs % 4 != 0,
                        [&]<int kVectors, int kTiles, bool kPicked>() {
                          return Launch<CoupleRows<kVectors, kTiles, kPicked>>(grid, kProductThreads, 0,
                                                                               call.stream, p);
                        });
}

template <>
Status RunFast<FlowLogAbsDet>(const FlowLogAbsDet::Params& params, const FastCall& call) {
  const SumParams p = {static_cast<const float*>(call.in[FlowLogAbsDet::kParts]),
                       static_cast<float*>(call.out[FlowLogAbsDet::kLogAbsDet]), params.rows, params.parts};
  return Launch<SumRowParts>(Blocks(params.rows, kSumThreads / 32), kSumThreads, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
