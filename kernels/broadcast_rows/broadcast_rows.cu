// broadcast_rows on the device, the plain form: one thread per output.
#include "kernels/broadcast_rows/broadcast_rows.h"
#include "kernels/cuda/op.cuh"

namespace mien::MIEN_EXECUTOR {
namespace {

struct BroadcastRowsParams {
  const float *w, *average;  // average null: absent
  float* y;
  int64_t outputs, columns;
  int rows, cutoff;
  float psi;
};

// y[n,l] = l < cutoff ? avg + psi (w[n] - avg) : w[n].
__global__ __launch_bounds__(kOutputThreads) void TruncateRows(BroadcastRowsParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t column = i % p.columns, row = i / p.columns % p.rows, n = i / p.columns / p.rows;
  const float w = p.w[n * p.columns + column];
  const bool truncated = p.average != nullptr && row < p.cutoff;
  p.y[i] = truncated ? fmaf(p.psi, w - p.average[column], p.average[column]) : w;
}

}  // namespace

template <>
Status RunGpu<BroadcastRows>(const BroadcastRows::Params& params, const GpuCall& call) {
  const View<const float>&w = call.in[BroadcastRows::kW], &average = call.in[BroadcastRows::kAvg];
  const int cutoff = params.cutoff < 0 ? params.rows : params.cutoff;
  const BroadcastRowsParams p = {w.data,
                                 params.psi == 1.0f ? nullptr : average.data,  // w to the last bit
                                 call.out[0].data,
                                 call.out[0].shape.elements(),
                                 w.shape[1],
                                 params.rows,
                                 cutoff,
                                 params.psi};
  return LaunchOutputs<TruncateRows>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
