// The product under rows_linear and rows_coupling: a block makes one tile of sixteen features for kTiles
// tiles of eight rows. Each warp takes an equal share of K, streams its weights once and reads its part of
// the rows straight into fragments; the shares are added in the order of the warps.
#pragma once

#include "kernels/cuda/ptx.cuh"
#include "kernels/tensor/rows.h"

namespace mien::MIEN_EXECUTOR {

constexpr int kProductWarps = 8, kProductThreads = 32 * kProductWarps;
constexpr int kChunksAhead = 4;  // whose weights are under way at once

struct RowsProduct {
  const float* x;
  const std::byte* fragments;
  const int* columns;  // of x by input, whole chunks, when kPicked
  const float* norm;   // null, or three tables of whole chunks
  int64_t stride;      // from one row of x to the next
  int rows, inputs, chunks;
  bool relu;
};

// The four inputs of a lane in a chunk: what its columns of x are and what happens to them.
template <bool kPicked>
struct LaneInputs {
  int first;
  bool inside;
  int4 columns;
  float4 subtracted, factor, added;
};

template <bool kPicked>
__device__ inline LaneInputs<kPicked> InputsOf(const RowsProduct& p, int chunk) {
  LaneInputs<kPicked> in = {};
  in.first = chunk * kChunkInputs + LaneIndex() % 4 * 4;
  in.inside = Inside(in.first, p.inputs);
  if constexpr (kPicked) in.columns = LoadVector<int4>(p.columns + in.first);
  if (p.norm == nullptr) return in;
  const int padded = p.chunks * kChunkInputs;
  in.subtracted = LoadVector<float4>(p.norm + in.first);
  in.factor = LoadVector<float4>(p.norm + padded + in.first);
  in.added = LoadVector<float4>(p.norm + 2 * padded + in.first);
  return in;
}

template <bool kPicked>
__device__ inline float4 LoadInputs(const RowsProduct& p, const LaneInputs<kPicked>& in, int row) {
  float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  if (Inside(row, p.rows)) {
    const float* x = p.x + row * p.stride;
    if constexpr (kPicked)
      v = make_float4(x[in.columns.x], x[in.columns.y], x[in.columns.z], x[in.columns.w]);
    else if (in.inside)
      v = LoadVector<float4>(x + in.first);
  }
  if (p.norm != nullptr) {
    v.x = fmaf(v.x - in.subtracted.x, in.factor.x, in.added.x);
    v.y = fmaf(v.y - in.subtracted.y, in.factor.y, in.added.y);
    v.z = fmaf(v.z - in.subtracted.z, in.factor.z, in.added.z);
    v.w = fmaf(v.w - in.subtracted.w, in.factor.w, in.added.w);
  }
  if (p.relu) v = make_float4(fmaxf(v.x, 0.0f), fmaxf(v.y, 0.0f), fmaxf(v.z, 0.0f), fmaxf(v.w, 0.0f));
  return v;
}

// A number as the sum of two tf32 numbers.
struct Parts {
  unsigned high, low;
};
__device__ inline Parts Split(float v) {
  const unsigned high = ToTf32(v);
  return {high, ToTf32(v - __uint_as_float(high))};
}

// A lane's eight weights of a chunk, as floats: fragments A of the two steps.
__device__ inline void Unpack(const uint4 (&vectors)[1], float (&w)[2][4]) {
  const unsigned pairs[4] = {vectors[0].x, vectors[0].y, vectors[0].z, vectors[0].w};
  MIEN_UNROLL
  for (int i = 0; i < 4; ++i) {
    w[i / 2][i % 2 * 2] = static_cast<float>(static_cast<int16_t>(pairs[i] & 0xffffu));
    w[i / 2][i % 2 * 2 + 1] = static_cast<float>(static_cast<int16_t>(pairs[i] >> 16));
  }
}
__device__ inline void Unpack(const uint4 (&vectors)[2], float (&w)[2][4]) {
  MIEN_UNROLL
  for (int step = 0; step < 2; ++step) {
    w[step][0] = __uint_as_float(vectors[step].x);
    w[step][1] = __uint_as_float(vectors[step].y);
    w[step][2] = __uint_as_float(vectors[step].z);
    w[step][3] = __uint_as_float(vectors[step].w);
  }
}

// The same in two parts.
struct LaneWeights {
  unsigned high[2][4], low[2][4];
};
template <int kVectors>
__device__ inline LaneWeights SplitWeights(const uint4 (&vectors)[kVectors]) {
  float w[2][4];
  Unpack(vectors, w);
  LaneWeights split;
  MIEN_UNROLL
  for (int i = 0; i < 8; ++i) {
    const Parts parts = Split(w[i / 4][i % 4]);
    split.high[i / 4][i % 4] = parts.high;
    split.low[i / 4][i % 4] = parts.low;
  }
  return split;
}

// d += w v for one chunk; the product of the two low parts is below the sums' own rounding.
__device__ inline void MultiplyChunk(float (&d)[4], const LaneWeights& w, const float4& v) {
  const Parts x[4] = {Split(v.x), Split(v.y), Split(v.z), Split(v.w)};
  MIEN_UNROLL
  for (int step = 0; step < 2; ++step) {
    const unsigned high[2] = {x[2 * step].high, x[2 * step + 1].high};
    const unsigned low[2] = {x[2 * step].low, x[2 * step + 1].low};
    MultiplyTf32(d, w.low[step], high);
    MultiplyTf32(d, w.high[step], low);
    MultiplyTf32(d, w.high[step], high);
  }
}

// Sums of a warp over the chunks first ... last - 1, which are at most kChunksAhead.
template <int kVectors, int kTiles, bool kPicked>
__device__ inline void MultiplyChunks(const RowsProduct& p, int first, int last, float (&sums)[kTiles][4]) {
  const uint4* from = reinterpret_cast<const uint4*>(p.fragments) +
                      (int64_t{blockIdx.x} * p.chunks + first) * kVectors * kWarpSize + LaneIndex();
  const int first_row = static_cast<int>(blockIdx.y) * kTiles * kTileRows + LaneIndex() / 4;
  uint4 a[kChunksAhead][kVectors];
  MIEN_UNROLL
  for (int i = 0; i < kChunksAhead; ++i) {
    MIEN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      if (first + i < last) a[i][v] = LoadVector<uint4>(from + (i * kVectors + v) * kWarpSize);
    }
  }
  MIEN_UNROLL
  for (int i = 0; i < kChunksAhead; ++i) {
    if (first + i >= last) break;
    const LaneInputs<kPicked> in = InputsOf<kPicked>(p, first + i);
    const LaneWeights w = SplitWeights(a[i]);
    MIEN_UNROLL
    for (int t = 0; t < kTiles; ++t)
      MultiplyChunk(sums[t], w, LoadInputs<kPicked>(p, in, first_row + t * kTileRows));
  }
}

// The sums of row tile WarpIndex() of this block, as a fragment C: features by rows. False in warps without a
// tile.
template <int kVectors, int kTiles, bool kPicked>
__device__ inline bool MultiplyRowTiles(const RowsProduct& p, float (&sum)[4]) {
  MIEN_SHARED(float, shares, [kProductWarps][kTiles][4 * 32]);
  const int share = (p.chunks + kProductWarps - 1) / kProductWarps;
  const int first = WarpIndex() * share, last = min(first + share, p.chunks);
  float sums[kTiles][4] = {};
  for (int chunk = first; chunk < last; chunk += kChunksAhead)
    MultiplyChunks<kVectors, kTiles, kPicked>(p, chunk, last, sums);
  MIEN_UNROLL
  for (int t = 0; t < kTiles; ++t) {
    StoreVector(&shares[WarpIndex()][t][LaneIndex() * 4],
                make_float4(sums[t][0], sums[t][1], sums[t][2], sums[t][3]));
  }
  __syncthreads();  // shares: written by all warps | read by the warps of the row tiles
  if (!Inside(WarpIndex(), kTiles)) return false;
  float4 total = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  for (int warp = 0; warp < kProductWarps; ++warp) {
    const float4 s = LoadVector<float4>(&shares[warp][WarpIndex()][LaneIndex() * 4]);
    total = make_float4(total.x + s.x, total.y + s.y, total.z + s.z, total.w + s.w);
  }
  sum[0] = total.x, sum[1] = total.y, sum[2] = total.z, sum[3] = total.w;
  return true;
}

// The row of the fragment's element that a finishing lane holds; may be past the last.
template <int kTiles>
__device__ inline int RowOf(int column) {
  return (static_cast<int>(blockIdx.y) * kTiles + WarpIndex()) * kTileRows + column;
}

// Calls body.operator()<kVectors, kTiles, kPicked>() with what the shapes ask for.
template <class Body>
Status WithRowsKernel(Precision precision, int rows, bool picked, const Body& body) {
  const auto with_tiles = [&]<int kVectors, int kTiles>() {
    return picked ? body.template operator()<kVectors, kTiles, true>()
                  : body.template operator()<kVectors, kTiles, false>();
  };
  const auto with_vectors = [&]<int kVectors>() {
    return BlockTiles(rows) == 3 ? with_tiles.template operator()<kVectors, 3>()
                                 : with_tiles.template operator()<kVectors, 6>();
  };
  return precision == Precision::kHalf ? with_vectors.template operator()<1>()
                                       : with_vectors.template operator()<2>();
}

}  // namespace mien::MIEN_EXECUTOR
