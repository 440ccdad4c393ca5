// repeat_batch on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/repeat_batch/repeat_batch.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct RepeatBatchParams {
  const float* x;
  float* y;
  int64_t outputs, size;  // of all samples, of one
};

__global__ __launch_bounds__(kOutputThreads) void RepeatSample(RepeatBatchParams p) {
  const int64_t i = OutputIndex();
  if (Inside(i, p.outputs)) p.y[i] = p.x[i % p.size];
}

}  // namespace

template <>
Status RunGpu<RepeatBatch>(const RepeatBatch::Params&, const GpuCall& call) {
  const View<const float>& x = call.in[RepeatBatch::kX];
  const RepeatBatchParams p = {x.data, call.out[0].data, call.out[0].shape.elements(), x.shape.elements()};
  return LaunchOutputs<RepeatSample>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
