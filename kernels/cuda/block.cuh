// Sums over the threads of a warp or block, in an order that depends on its size alone.
#pragma once

#include "kernels/cuda/ptx.cuh"

namespace mien::MIEN_EXECUTOR {

// The sum over a whole warp, in every lane: lane pairs at distance 16, 8, 4, 2, 1.
__device__ inline float WarpSum(float value) {
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, distance);
  }
  return value;
}

// The largest of numbers that are not negative, in every lane: as integers they have the same order.
__device__ inline float WarpLargest(float value) {
  return __uint_as_float(static_cast<unsigned>(WarpMax(kFullWarp, static_cast<int>(__float_as_uint(value)))));
}

// The sum over the block, in every thread. The block consists of whole warps; all of its threads call this.
__device__ inline float BlockSum(float value) {
  MIEN_SHARED(float, of_warp, [32]);
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  value = WarpSum(value);
  __syncthreads();  // of_warp: the reads of the call before | this call's writes
  if (LaneIndex() == 0) of_warp[WarpIndex()] = value;
  __syncthreads();  // of_warp: the writes of all warps | the reads below
  return WarpSum(Inside(LaneIndex(), warps) ? of_warp[LaneIndex()] : 0.0f);
}

// The mean of `count` numbers, in every thread of the block.
__device__ inline float BlockMean(const float* x, int64_t count) {
  float sum = 0.0f;
  for (int64_t i = ThreadIndex(); i < count; i += blockDim.x) sum += x[i];
  return BlockSum(sum) / static_cast<float>(count);
}

}  // namespace mien::MIEN_EXECUTOR
