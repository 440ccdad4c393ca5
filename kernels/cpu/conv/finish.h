// What follows the sums of a convolution, fused into one pass over rows of pixels of one channel:
//   t = scale * sum + shift + addend_gain * addend;   y = clamp((t < 0 ? slope * t : t) * gain)
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "kernels/cpu/conv/form.h"

namespace mien::gemm {

struct Finish {
  float scale = 1.0f, shift = 0.0f;
  const float* addend = nullptr;  // of the first pixel, its rows as those of y; null: none
  float addend_gain = 1.0f;
  float slope = 1.0f;  // 1: no activation, 0: relu
  float gain = 1.0f;
  float limit = std::numeric_limits<float>::infinity();
  // Prefetch distance from y to the same pixels of the next channel: a store that misses all caches stalls until its
  // line has been read. 0: none.
  int64_t prefetch_offset = 0;
};
// Bias and norm of [channels] channels as one scale and one shift each, computed in double: packed [2][channels].
// Operands: bias?, gamma?, beta?, mean?, var? (kernels/conv2d/conv2d.h).
void PackScaleAndShift(std::span<const View<const float>> bias_and_norm, double eps, int64_t channels, float* packed);

// `count` pixels of each of the rows of `sums`; rows of y (and of the addend) are y_stride apart.
void FinishRows(const Finish& finish, const Sums& sums, float* y, int64_t y_stride);

}  // namespace mien::gemm
