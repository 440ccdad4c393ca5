// concat on the device, the plain form: one thread per output.
#include "kernels/concat/concat.h"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct ConcatParams {
  const float *a, *b;
  float* y;
  int64_t outputs, a_columns, b_columns;
};

__global__ __launch_bounds__(kOutputThreads) void JoinColumns(ConcatParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t row = i / (p.a_columns + p.b_columns), column = i % (p.a_columns + p.b_columns);
  const bool from_a = Inside(column, p.a_columns);
  p.y[i] = from_a ? p.a[row * p.a_columns + column] : p.b[row * p.b_columns + column - p.a_columns];
}

}  // namespace

template <>
Status RunGpu<Concat>(const Concat::Params&, const GpuCall& call) {
  const View<const float>&a = call.in[Concat::kA], &b = call.in[Concat::kB];
  const ConcatParams p = {a.data,     b.data, call.out[0].data, call.out[0].shape.elements(),
                          a.shape[1], b.shape[1]};
  return LaunchOutputs<JoinColumns>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
