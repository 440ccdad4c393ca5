// Shared by the two forms of mod_conv on the CPU: plain (mod_conv_cpu.cc) and upsampling (mod_conv_up.cc).
#pragma once

#include "kernels/gemm/conv.h"
#include "kernels/gemm/winograd.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {

// Decided by the shape of a sample.
inline bool TakesWinograd(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && !params.up && gemm::Winograd::Of(x, weight).Wins();
}

// Demodulation, noise, bias, activation, gain and clamp: the sums become pixels of the output. The
// demodulation factors lie at the beginning of the scratch.
void FinishModConv(const ModConv::Params& params, const CpuCall& call, const gemm::Sums& sums);

// The four phases of the transposed convolution as panels, one after the other.
void PackPhases(const Shape& weight_shape, const float* weight, float gain, float* packed);
int64_t UpThreadFloats(const Shape& x, const Shape& weight);
int64_t UpRowStep();
RowRange UpRowsRead(const Shape& x, RowRange out);
// filter: 4x4, flipped, times its gain.
void UpConv(const ModConv::Params& params, const CpuCall& call, const float* filter, float* thread_scratch);

}  // namespace mien
