// add on the device, the plain form: one thread per output.
#include "kernels/add/add.h"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct AddParams {
  const float *a, *b;
  float* y;
  int64_t outputs, repeat;  // elements of a and of b
};

__global__ __launch_bounds__(kOutputThreads) void AddTensors(AddParams p) {
  const int64_t i = OutputIndex();
  if (Inside(i, p.outputs)) p.y[i] = p.a[i] + p.b[i % p.repeat];
}

}  // namespace

template <>
Status RunGpu<Add>(const Add::Params&, const GpuCall& call) {
  const View<const float>&a = call.in[Add::kA], &b = call.in[Add::kB];
  const AddParams p = {a.data, b.data, call.out[0].data, a.shape.elements(), b.shape.elements()};
  return LaunchOutputs<AddTensors>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
