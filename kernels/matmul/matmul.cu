// matmul on the device, the plain form: one thread per number of the product.
#include "kernels/cuda/op.cuh"
#include "kernels/matmul/matmul.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct MatMulParams {
  const float *a, *b;
  float* y;
  int64_t rows, depth, columns;
  int64_t a_row, a_k, b_k, b_column;
};

__global__ __launch_bounds__(kOutputThreads) void MultiplyMatrices(MatMulParams p) {
  const int64_t i = OutputIndex();
  if (!Inside(i, p.rows * p.columns)) return;
  const float *a = p.a + i / p.columns * p.a_row, *b = p.b + i % p.columns * p.b_column;
  float sum = 0.0f;
  for (int64_t k = 0; k < p.depth; ++k) sum = fmaf(a[k * p.a_k], b[k * p.b_k], sum);
  p.y[i] = sum;
}

}  // namespace

template <>
Status RunGpu<MatMul>(const MatMul::Params& params, const GpuCall& call) {
  const MatMul::Product of(params, call.in[MatMul::kA].shape, call.in[MatMul::kB].shape);
  const MatMulParams p = {call.in[MatMul::kA].data,
                          call.in[MatMul::kB].data,
                          call.out[0].data,
                          of.rows,
                          of.depth,
                          of.columns,
                          of.a_row,
                          of.a_k,
                          of.b_k,
                          of.b_column};
  return LaunchOutputs<MultiplyMatrices>(p.rows * p.columns, call.stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
