// The skip connection of ToRGB.
#pragma once

#include "kernels/cuda/cuda.cuh"

namespace mien::MIEN_EXECUTOR {

// upsample2x(skip) at (row, column) of a height x width image: the 4x4 filter over the zero-stuffed plane,
// two zeros before and one behind.
__device__ inline float UpsampledSkip(const float* skip, const float* filter, float gain, int row, int column,
                                      int height, int width) {
  float sum = 0.0f;
  for (int a = row % 2; a < 4; a += 2) {
    for (int b = column % 2; b < 4; b += 2) {
      const int r = (row + a) / 2 - 1, c = (column + b) / 2 - 1;
      if (Inside(r, height / 2) && Inside(c, width / 2))
        sum = fmaf(filter[(3 - a) * 4 + (3 - b)], skip[r * (width / 2) + c], sum);
    }
  }
  return sum * gain;
}

}  // namespace mien::MIEN_EXECUTOR
