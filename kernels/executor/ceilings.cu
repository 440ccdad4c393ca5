#include "kernels/cuda/op.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/executor/ceilings.h"

namespace mien::MIEN_EXECUTOR {

Status RunCeiling(Ceiling ceiling, const CeilingCall& call);

namespace {

static_assert(kCeilingThreads == kOutputThreads);

struct CeilingParams {
  const float* memory;
  unsigned vectors;  // of 16 bytes in it
  float* out;
  int rounds;
};

template <bool kHalf>
__global__ __launch_bounds__(kCeilingThreads) void MultiplyTiles(CeilingParams p) {
  unsigned a[4], b[2];
  MIEN_UNROLL
  for (int i = 0; i < 4; ++i) a[i] = CeilingFactor(kHalf, ThreadIndex(), i);
  MIEN_UNROLL
  for (int i = 0; i < 2; ++i) b[i] = CeilingFactor(kHalf, ThreadIndex(), 4 + i);
  float sums[kCeilingTiles][4] = {};
  for (int round = 0; round < p.rounds; ++round) {
    MIEN_UNROLL
    for (int tile = 0; tile < kCeilingTiles; ++tile) {
      if constexpr (kHalf)
        MultiplyHalf(sums[tile], a, b);
      else
        MultiplyTf32(sums[tile], a, b);
    }
  }
  float sum = 0.0f;
  MIEN_UNROLL
  for (int i = 0; i < 4 * kCeilingTiles; ++i) sum += sums[i / 4][i % 4];
  p.out[OutputIndex()] = sum;
}

__global__ __launch_bounds__(kCeilingThreads) void MultiplyChains(CeilingParams p) {
  const float factor = 1.0f - 1e-3f * static_cast<float>(LaneIndex()), added = 1e-3f;
  float chains[kCeilingChains] = {};
  for (int round = 0; round < p.rounds; ++round) {
    MIEN_UNROLL
    for (int i = 0; i < kCeilingChains * kCeilingSteps; ++i)
      chains[i % kCeilingChains] = fmaf(chains[i % kCeilingChains], factor, added);
  }
  float sum = 0.0f;
  MIEN_UNROLL
  for (int i = 0; i < kCeilingChains; ++i) sum += chains[i];
  p.out[OutputIndex()] = sum;
}

// Every block begins elsewhere, so that not all ask for one place at once.
__global__ __launch_bounds__(kCeilingThreads) void ReadMemory(CeilingParams p) {
  constexpr unsigned kStep = kCeilingThreads * kCeilingLoads;
  float sum = 0.0f;
  for (int round = 0; round < p.rounds; ++round) {
    for (unsigned first = 0; first < p.vectors; first += kStep) {
      const unsigned place = first + blockIdx.x * (31u * kStep) + static_cast<unsigned>(ThreadIndex());
      float4 loaded[kCeilingLoads];
      MIEN_UNROLL
      for (int i = 0; i < kCeilingLoads; ++i) {
        const unsigned vector = (place + static_cast<unsigned>(i * kCeilingThreads)) & (p.vectors - 1);
        loaded[i] = LoadVector<float4>(p.memory + size_t{4} * vector);
      }
      MIEN_UNROLL
      for (int i = 0; i < kCeilingLoads; ++i) sum += loaded[i].x + loaded[i].y + loaded[i].z + loaded[i].w;
    }
  }
  p.out[OutputIndex()] = sum;
}

}  // namespace

Status RunCeiling(Ceiling ceiling, const CeilingCall& call) {
  const CeilingParams params = {call.memory, static_cast<unsigned>(call.bytes / 16), call.out, call.rounds};
  const auto launch = [&]<auto kernel>() {
    return Launch<kernel>(static_cast<unsigned>(call.blocks), kCeilingThreads, 0, call.stream, params);
  };
  switch (ceiling) {
    case Ceiling::kHalf:
      return launch.template operator()<MultiplyTiles<true>>();
    case Ceiling::kTf32:
      return launch.template operator()<MultiplyTiles<false>>();
    case Ceiling::kFloat:
      return launch.template operator()<MultiplyChains>();
    case Ceiling::kCache:
      return launch.template operator()<ReadMemory>();
    case Ceiling::kCount:
      break;
  }
  return {};
}

}  // namespace mien::MIEN_EXECUTOR
