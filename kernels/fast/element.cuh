// The element of a feature map: half, or a float rounded to tf32. Arithmetic is done in float.
#pragma once

#include "kernels/cuda/ptx.cuh"
#include "kernels/fast/fast.h"

namespace mien::MIEN_EXECUTOR {

struct Tf32 {
  float value;
};

__device__ inline float ToFloat(half x) { return __half2float(x); }
__device__ inline float ToFloat(Tf32 x) { return x.value; }

template <class Element>
__device__ inline Element ToElement(float x) {
  if constexpr (sizeof(Element) == 2)
    return __float2half_rn(x);
  else
    return {__uint_as_float(ToTf32(x))};
}

// Calls body.operator()<Element>() with the element of the precision.
template <class Body>
Status WithElement(Precision precision, const Body& body) {
  if (precision == Precision::kHalf) return body.template operator()<half>();
  return body.template operator()<Tf32>();
}

}  // namespace mien::MIEN_EXECUTOR
