// What the file <op>.cu of an op provides: the op on the device, as plain kernels that read like the formula.
#pragma once

#include "kernels/cuda/cuda.cuh"
#include "kernels/op.h"

namespace mien::MIEN_EXECUTOR {

struct GpuCall {
  Inputs<float> in;  // weights as in the file
  Outputs<float> out;
  float* scratch = nullptr;  // GpuScratchFloats<Op>(); contents undefined
  Stream stream;
};

// Ops that need scratch specialise this and are declared so in ops.cuh.
template <class Op>
int64_t GpuScratchFloats(const typename Op::Params&, Shapes) {
  return 0;
}
// Assumes that Op::Infer ran. No allocation, no waiting: the kernels are in the stream when this returns.
template <class Op>
Status RunGpu(const typename Op::Params& params, const GpuCall& call);

// Number of blocks of `block` threads for `n` threads.
inline unsigned Blocks(int64_t n, int64_t block) { return static_cast<unsigned>((n + block - 1) / block); }

// Kernels with one thread per output, and kernels with one warp per row. Along x a grid has room for any tensor; an
// index into one has 64 bits.
constexpr int kOutputThreads = 256, kRowWarps = 4;

__device__ inline int64_t OutputIndex() { return int64_t{blockIdx.x} * kOutputThreads + threadIdx.x; }
__device__ inline int64_t RowIndex() { return int64_t{blockIdx.x} * kRowWarps + WarpIndex(); }

template <auto kernel, class Params>
Status LaunchOutputs(int64_t outputs, Stream stream, const Params& params) {
  return Launch<kernel>(Blocks(outputs, kOutputThreads), kOutputThreads, 0, stream, params);
}
template <auto kernel, class Params>
Status LaunchRows(int64_t rows, Stream stream, const Params& params) {
  return Launch<kernel>(Blocks(rows, kRowWarps), kRowWarps * kWarpSize, 0, stream, params);
}

}  // namespace mien::MIEN_EXECUTOR
