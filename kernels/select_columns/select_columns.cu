// select_columns on the device, the plain form: one thread per output; where columns are scattered one warp per row.
#include "kernels/cuda/op.cuh"
#include "kernels/select_columns/select_columns.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct SelectColumnsParams {
  const float *x, *index;  // index: null: `first` and those behind it
  float* y;
  int64_t outputs, columns, selected, rows, first;  // columns: of the rows that are selected from, or scattered to
};

__device__ int64_t ColumnOf(const SelectColumnsParams& p, int64_t k) {
  return p.index == nullptr ? p.first + k : static_cast<int64_t>(p.index[k]);
}

// y[n,l,k] = x[n,l,index[k]].
__global__ __launch_bounds__(kOutputThreads) void GatherColumns(SelectColumnsParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  p.y[i] = p.x[i / p.selected * p.columns + ColumnOf(p, i % p.selected)];
}

// y[n,l,index[k]] = x[n,l,k], 0 elsewhere.
__global__ __launch_bounds__(kRowWarps * 32) void ScatterColumns(SelectColumnsParams p) {
  const int64_t row = RowIndex();
  if (!Inside(row, p.rows)) return;  // whole warps
  float* const y = p.y + row * p.columns;
  for (int64_t k = LaneIndex(); k < p.columns; k += kWarpSize) y[k] = 0.0f;
  __syncwarp();  // y: cleared by any lane | written again by the lane of the column
  for (int64_t k = LaneIndex(); k < p.selected; k += kWarpSize) y[ColumnOf(p, k)] = p.x[row * p.selected + k];
}

}  // namespace

template <>
Status RunGpu<SelectColumns>(const SelectColumns::Params& params, const GpuCall& call) {
  const View<const float>&x = call.in[SelectColumns::kX], &index = call.in[SelectColumns::kIndex];
  const bool scatter = params.scatter > 0;
  const Shape& y = call.out[0].shape;
  const int64_t x_columns = x.shape[x.shape.rank - 1], y_columns = y[y.rank - 1];
  const SelectColumnsParams p = {x.data,
                                 index.data,
                                 call.out[0].data,
                                 y.elements(),
                                 scatter ? y_columns : x_columns,
                                 scatter ? x_columns : y_columns,
                                 x.shape.elements() / x_columns,
                                 params.first};
  if (scatter) return LaunchRows<ScatterColumns>(p.rows, call.stream, p);
  return LaunchOutputs<GatherColumns>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
