#include "kernels/cuda/ptx.cuh"
#include "tests/cuda/kernels/planted.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct PlantedParams {
  const float* in;
  float* out;
  Bug bug;
};

__device__ void Exchange(const PlantedParams& p, float* tile, float* pairs) {
  const int i = ThreadIndex();
  float sum = 0.0f;
  for (int round = 0; round < 2; ++round) {
    if (p.bug != Bug::kNoBarrierBeforeStore) __syncthreads();
    tile[i] = p.in[i];
    if (p.bug != Bug::kNoBarrierAfterStore) __syncthreads();
    sum += 2.0f * tile[(i + 32) % 64];
    if (p.bug != Bug::kNoSyncWarp) __syncwarp();
    pairs[i] = p.in[i];
    if (p.bug != Bug::kNoSyncWarp) __syncwarp();
    sum += pairs[i ^ 1];
  }
  p.out[i] = sum;
}

__device__ bool Nothing(float entry) { return static_cast<int>(__float_as_uint(entry)) < 0; }

__global__ void Planted(PlantedParams p) {
  MIEN_SHARED(float, tile, [64]);
  MIEN_SHARED(float, pairs, [64]);
  const int i = ThreadIndex();
  switch (p.bug) {
    case Bug::kUninitialisedShared:
      p.out[i] = tile[i];
      return;
    case Bug::kUninitialisedTable:
      p.out[i] = Nothing(tile[i]) ? 0.0f : 1.0f;
      return;
    case Bug::kUninitialisedScratch:
      if (Nothing(p.out[i])) p.out[i] = 0.0f;
      return;
    case Bug::kReadBeyond:
      p.out[i] = p.in[i + 1];
      return;
    case Bug::kWriteBeyond:
      p.out[i + 1] = p.in[i];
      return;
    case Bug::kSharedBeyond:
      tile[i + 1] = p.in[i];
      __syncthreads();
      p.out[i] = tile[63 - i];
      return;
    case Bug::kDivergentBarrier:
      if (i < 32) {
        __syncthreads();
      } else {
        p.out[i] = 0.0f;
        __syncthreads();
      }
      return;
    case Bug::kEndedBeforeBarrier:
      if (i == 17) return;
      __syncthreads();
      return;
    case Bug::kBarrierInsideWarpOp:
      if (i % 32 < 16) {
        __syncthreads();
      } else {
        p.out[i] = __shfl_xor_sync(kFullWarp, p.in[i], 1);
      }
      return;
    case Bug::kMaskWithoutCaller:
      p.out[i] = __shfl_sync(0x0000ffffu, p.in[i], 0);
      return;
    case Bug::kMaskWithEndedLane:
      if (i == 5) return;
      p.out[i] = __shfl_sync(kFullWarp, p.in[i], 0);
      return;
    case Bug::kShuffleFromOutsideMask:
      if (i % 32 < 16) p.out[i] = __shfl_down_sync(0x0000ffffu, p.in[i], 8);
      return;
    case Bug::kMisaligned:
      p.out[i] = i == 0 ? LoadVector<float4>(p.in + 1).x : 0.0f;
      return;
    case Bug::kCopyNotAwaited:
      AsyncCopy<4>(tile + i, p.in + i, true);
      AsyncGroupEnd();
      p.out[i] = 0.0f;
      return;
    case Bug::kBlocksRace:
      if (i == 0) p.out[0] = p.in[0];
      return;
    case Bug::kTwoLanesWrite:
      p.out[i / 2] = p.in[i];
      return;
    default:
      Exchange(p, tile, pairs);
  }
}

struct PipelineParams {
  const float* in;
  float* out;
  int tiles;
  PipelineBug bug;
};

__global__ void Pipeline(PipelineParams p) {
  constexpr int kStages = 2, kTile = 64;
  MIEN_SHARED(float, ring, [kStages][kTile]);
  const int i = ThreadIndex();
  float sum = 0.0f;
  AsyncCopy<4>(&ring[0][i], p.in + i, true);
  AsyncGroupEnd();
  for (int tile = 0; tile < p.tiles; ++tile) {
    const int next = tile + 1;
    if (next < p.tiles) AsyncCopy<4>(&ring[next % kStages][i], p.in + next * kTile + i, true);
    AsyncGroupEnd();
    if (p.bug.lax_wait) {
      AsyncGroupWait<2>();
    } else {
      AsyncGroupWait<1>();
    }
    if (!p.bug.no_leading_barrier) __syncthreads();  // landed | read
    sum += ring[tile % kStages][(i + 32) % kTile];
    if (!p.bug.no_trailing_barrier) __syncthreads();  // read | overwritten
  }
  AsyncGroupWait<0>();
  p.out[i] = sum;
}

}  // namespace

Status RunPlanted(Bug bug, const float* in, float* out) {
  const unsigned blocks = bug == Bug::kBlocksRace ? 2 : 1;
  return Launch<Planted>(blocks, 64, 0, Stream(), PlantedParams{in, out, bug});
}

Status RunPipeline(PipelineBug bug, const float* in, float* out, int tiles) {
  return Launch<Pipeline>(1, 64, 0, Stream(), PipelineParams{in, out, tiles, bug});
}

}  // namespace mien::MIEN_EXECUTOR
