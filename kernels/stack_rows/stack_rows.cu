// stack_rows on the device, the plain form: one thread per output.
#include "kernels/cuda/op.cuh"
#include "kernels/stack_rows/stack_rows.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct StackRowsParams {
  const float* base;
  const float* average;  // null: absent
  const float* delta[StackRows::kMaxRows];  // by row; null: absent
  float* y;
  int64_t outputs, columns;
  int rows;
  bool independent;
};

// y[n,l] = base[n] + delta_l[n] + average[l]; independent rows: the base in row 0 alone.
__global__ __launch_bounds__(kOutputThreads) void AssembleRows(StackRowsParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.outputs)) return;
  const int64_t column = i % p.columns, n = i / p.columns / p.rows;
  const int row = static_cast<int>(i / p.columns % p.rows);
  float y = row == 0 || !p.independent ? p.base[n * p.columns + column] : 0.0f;
  if (p.delta[row] != nullptr) y += p.delta[row][n * p.columns + column];
  if (p.average != nullptr) y += p.average[row * p.columns + column];
  p.y[i] = y;
}

}  // namespace

template <>
Status RunGpu<StackRows>(const StackRows::Params& params, const GpuCall& call) {
  StackRowsParams p = {};
  p.base = call.in[StackRows::kBase].data;
  p.average = call.in[StackRows::kAverage].data;
  for (int l = 1; l < params.rows; ++l) p.delta[l] = call.in[static_cast<size_t>(StackRows::kAverage + l)].data;
  p.y = call.out[0].data;
  p.outputs = call.out[0].shape.elements();
  p.columns = call.out[0].shape[2];
  p.rows = params.rows;
  p.independent = params.independent;
  return LaunchOutputs<AssembleRows>(p.outputs, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
