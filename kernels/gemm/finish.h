// What follows the sums of a convolution, fused into one pass over a row of pixels of one channel:
//   t = scale * sum + shift + addend_gain * addend;   y = clamp((t < 0 ? slope * t : t) * gain)
#pragma once

#include <cstdint>
#include <limits>

namespace mien::gemm {

struct Finish {
  float scale = 1.0f, shift = 0.0f;
  const float* addend = nullptr;  // of the row's first pixel; null: none
  float addend_gain = 1.0f;
  float slope = 1.0f;  // 1: no activation, 0: relu
  float gain = 1.0f;
  float limit = std::numeric_limits<float>::infinity();
};
void FinishRow(const Finish& finish, const float* sum, int64_t count, float* y);

}  // namespace mien::gemm
