// What the file <op>.cu of an op provides: the op on the device, as plain kernels that read like the formula.
// The list of the ops that have one is ops.def beside this file.
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

template <class Op>
int64_t GpuScratchFloats(const typename Op::Params& params, Shapes in);
// Assumes that Op::Infer ran. No allocation, no waiting: the kernels are in the stream when this returns.
template <class Op>
Status RunGpu(const typename Op::Params& params, const GpuCall& call);

// Number of blocks of `block` threads for `n` threads.
inline unsigned Blocks(int64_t n, int64_t block) { return static_cast<unsigned>((n + block - 1) / block); }

}  // namespace mien::MIEN_EXECUTOR
