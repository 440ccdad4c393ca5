// The skip connection of ToRGB.
#pragma once

#include "kernels/cuda/cuda.cuh"

namespace mien::MIEN_EXECUTOR {

// upsample2x(skip) at (row, column) of a height x width image: the 4x4 filter over the zero-stuffed plane,
// two zeros before and one behind.
__device__ inline float UpsampledSkip(const float* skip, const float* filter, float gain, int row, int column,
                                      int height, int width) {
  float sum = 0.0f;
  MIEN_UNROLL
  for (int i = 0; i < 4; ++i) {  // the taps that meet a pixel of the smaller image
    const int a = row % 2 + i / 2 * 2, b = column % 2 + i % 2 * 2;
    const int r = (row + a) / 2 - 1, c = (column + b) / 2 - 1;
    if (Inside(r, height / 2) && Inside(c, width / 2))
      sum = fmaf(filter[(3 - a) * 4 + (3 - b)], skip[r * (width / 2) + c], sum);
  }
  return sum * gain;
}

}  // namespace mien::MIEN_EXECUTOR
