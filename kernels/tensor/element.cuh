// The element of a feature map: half, or a float rounded to tf32. Arithmetic is done in float.
#pragma once

#include "kernels/cuda/ptx.cuh"
#include "kernels/tensor/fast.h"

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

// Elements of one 16-byte access.
template <class Element>
constexpr int kPerVector = 16 / static_cast<int>(sizeof(Element));

template <class Element>
union ElementVector {
  uint4 bits;
  Element of[kPerVector<Element>];
};

template <class Element>
__device__ inline void LoadElements(const Element* from, float (&to)[kPerVector<Element>]) {
  const ElementVector<Element> vector = {LoadVector<uint4>(from)};
  MIEN_UNROLL
  for (int i = 0; i < kPerVector<Element>; ++i) to[i] = ToFloat(vector.of[i]);
}

template <class Element>
__device__ inline void StoreElements(Element* to, const float (&from)[kPerVector<Element>]) {
  ElementVector<Element> vector = {};
  MIEN_UNROLL
  for (int i = 0; i < kPerVector<Element>; ++i) vector.of[i] = ToElement<Element>(from[i]);
  StoreVector(to, vector.bits);
}

// Calls body.operator()<Element>() with the element of the precision.
template <class Body>
Status WithElement(Precision precision, const Body& body) {
  if (precision == Precision::kHalf) return body.template operator()<half>();
  return body.template operator()<Tf32>();
}

}  // namespace mien::MIEN_EXECUTOR
