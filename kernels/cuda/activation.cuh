// The pointwise functions behind a linear map, as all kernels write them.
#pragma once

#include "kernels/cuda/cuda.cuh"
#include "kernels/op.h"

namespace mien::MIEN_EXECUTOR {

__device__ inline float Sigmoid(float v) { return 1.0f / (1.0f + expf(-v)); }

// `slope` of kLeaky, or the channel's own for kPRelu.
__device__ inline float Activate(Activation act, float slope, float v) {
  switch (act) {
    case Activation::kNone:
      return v;
    case Activation::kRelu:
      return fmaxf(v, 0.0f);
    case Activation::kLeaky:
    case Activation::kPRelu:
      return v < 0.0f ? v * slope : v;
    case Activation::kSigmoid:
      return Sigmoid(v);
  }
  return v;
}

// To at most `limit` from zero; 0: none.
__device__ inline float Clamp(float v, float limit) { return limit > 0.0f ? fminf(fmaxf(v, -limit), limit) : v; }

}  // namespace mien::MIEN_EXECUTOR
