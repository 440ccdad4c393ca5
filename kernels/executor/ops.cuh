// The CUDA functions of all ops, declared.
#pragma once

#include "kernels/cuda/op.cuh"
#include "kernels/ops.h"

namespace mien::MIEN_EXECUTOR {

#define MIEN_OP(name, file) \
  template <>               \
  Status RunGpu<name>(const name::Params& params, const GpuCall& call);
#include "kernels/ops.def"
#undef MIEN_OP

template <>
int64_t GpuScratchFloats<ModConv>(const ModConv::Params& params, Shapes in);
template <>
int64_t GpuScratchFloats<SqueezeExcite>(const SqueezeExcite::Params& params, Shapes in);

}  // namespace mien::MIEN_EXECUTOR
