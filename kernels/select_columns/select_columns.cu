// select_columns on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/select_columns/select_columns.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct SelectColumnsParams {
  const float *x, *index;
  float* y;
  int64_t outputs, columns, selected;
};

// y[n,l,k] = x[n,l,index[k]].
__global__ __launch_bounds__(kOutputThreads) void GatherColumns(SelectColumnsParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int column = static_cast<int>(p.index[i % p.selected]);
  p.y[i] = p.x[i / p.selected * p.columns + column];
}

}  // namespace

template <>
Status RunGpu<SelectColumns>(const SelectColumns::Params&, const GpuCall& call) {
  const View<const float>&x = call.in[SelectColumns::kX], &index = call.in[SelectColumns::kIndex];
  const SelectColumnsParams p = {x.data,     index.data,     call.out[0].data, call.out[0].shape.elements(),
                                 x.shape[2], index.shape[0]};
  return LaunchOutputs<GatherColumns>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
