// Shared by the forms of mod_conv on the CPU: plain (mod_conv_cpu.cc), upsampling (mod_conv_up.cc) and
// upsampling by nested Winograd (mod_conv_nested.cc).
#pragma once

#include "kernels/gemm/conv.h"
#include "kernels/gemm/nested.h"
#include "kernels/gemm/winograd.h"
#include "kernels/mod_conv/fir.h"
#include "kernels/mod_conv/mod_conv.h"

namespace mien {

// Which form computes a call; decided by the shape of a sample.
inline bool TakesWinograd(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && !params.up && gemm::Winograd::Of(x, weight).Wins();
}
inline bool TakesNested(const ModConv::Params& params, const Shape& x, const Shape& weight) {
  return params.winograd && params.up && x[2] * x[3] >= 16 * gemm::kTile && x[3] >= gemm::kTile &&
         weight[0] >= gemm::kTile && weight[1] >= gemm::kTile;
}

// Demodulation, noise, bias, activation, gain and clamp: the sums become pixels of the output. The
// demodulation factors lie at the beginning of the scratch.
void FinishModConv(const ModConv::Params& params, const CpuCall& call, const gemm::Sums& sums);

// The four phases of the transposed convolution as panels, one after the other.
void PackPhases(const Shape& weight_shape, const float* weight, float gain, float* packed);
int64_t UpThreadFloats(const Shape& x, const Shape& weight);
int64_t UpRowStep();
RowRange UpRowsRead(const Shape& x, RowRange out);
void UpConv(const CpuCall& call, const Fir& fir, float* thread_scratch, const gemm::Sink& sink);

// The same with the weights of gemm/nested.h; multiplications of one sample.
inline int64_t NestedUpProducts(const Shape& x, const Shape& weight) {
  const int64_t tile = gemm::kNestedTile, rows = (x[2] + tile - 1) / tile, columns = (x[3] + tile - 1) / tile;
  const int64_t right_edge = x[3] % tile == 0 ? 3 * rows * tile : 0,
                bottom_edge = x[2] % tile == 0 ? 3 * (x[3] + 1) : 0;
  return (rows * columns * gemm::kNestedSlots + right_edge + bottom_edge) * weight[0] * weight[1];
}
constexpr int64_t kNestedUpRowStep =
    2 * gemm::kNestedTile;  // a range may begin anywhere, but wastes least here
RowRange NestedUpRowsRead(const Shape& x, RowRange out);
int64_t NestedUpThreadFloats(const Shape& x, const Shape& weight, int threads);
void NestedUpConv(const CpuCall& call, const Fir& fir, float* thread_scratch, const gemm::Sink& sink);

}  // namespace mien
