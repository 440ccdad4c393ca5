// CUDA's built-in types for the host runner, written anew so that a machine without the toolkit can compile
// kernels: dim3, short vectors, and half precision as storage (arithmetic is done in float, as the kernels
// do). Global names, as in CUDA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/tensor.h"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}  // NOLINT: as in CUDA
};

// Vectors are how kernels read arrays of their elements 8 or 16 bytes at a time, hence may_alias.
#define MIEN_VECTOR2(name, type)                             \
  struct [[gnu::may_alias]] alignas(2 * sizeof(type)) name { \
    type x, y;                                               \
  };                                                         \
  inline name make_##name(type x, type y) { return {x, y}; }
#define MIEN_VECTOR4(name, type)               \
  struct [[gnu::may_alias]] alignas(16) name { \
    type x, y, z, w;                           \
  };                                           \
  inline name make_##name(type x, type y, type z, type w) { return {x, y, z, w}; }
MIEN_VECTOR2(float2, float)
MIEN_VECTOR2(int2, int)
MIEN_VECTOR2(uint2, unsigned)
MIEN_VECTOR4(float4, float)
MIEN_VECTOR4(int4, int)
MIEN_VECTOR4(uint4, unsigned)
#undef MIEN_VECTOR2
#undef MIEN_VECTOR4

struct __half {
  uint16_t bits;
};
struct [[gnu::may_alias]] alignas(4) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

inline float __half2float(__half h) { return mien::HalfToFloat(h.bits); }
inline __half __float2half_rn(float f) { return {mien::FloatToHalf(f)}; }
inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }
inline float2 __half22float2(__half2 h) { return {__half2float(h.x), __half2float(h.y)}; }
