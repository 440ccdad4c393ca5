// The functions of all ops that have a CUDA form (kernels/cuda/ops.def), declared.
#pragma once

#include "kernels/cuda/op.cuh"
#include "kernels/ops.h"

namespace mien::MIEN_EXECUTOR {

#define MIEN_GPU_OP(name)                                                \
  template <>                                                            \
  int64_t GpuScratchFloats<name>(const name::Params& params, Shapes in); \
  template <>                                                            \
  Status RunGpu<name>(const name::Params& params, const GpuCall& call);
#include "kernels/cuda/ops.def"
#undef MIEN_GPU_OP

}  // namespace mien::MIEN_EXECUTOR
