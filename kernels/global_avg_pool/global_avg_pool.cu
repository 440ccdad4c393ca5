// global_avg_pool on the device, the plain form: one block per channel.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/op.cuh"
#include "kernels/global_avg_pool/global_avg_pool.h"

namespace mien::MIEN_EXECUTOR {
namespace {

constexpr int kThreads = 128;

struct GlobalAvgPoolParams {
  const float* x;
  float* y;
  int64_t plane;
};

__global__ __launch_bounds__(kThreads) void AverageChannels(GlobalAvgPoolParams p) {
  const float mean = BlockMean(p.x + blockIdx.x * p.plane, p.plane);
  if (ThreadIndex() == 0) p.y[blockIdx.x] = mean;
}

}  // namespace

template <>
Status RunGpu<GlobalAvgPool>(const GlobalAvgPool::Params&, const GpuCall& call) {
  const View<const float>& x = call.in[GlobalAvgPool::kX];
  const GlobalAvgPoolParams p = {x.data, call.out[0].data, x.shape[2] * x.shape[3]};
  return Launch<AverageChannels>(Blocks(x.shape[0] * x.shape[1], 1), kThreads, 0, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
