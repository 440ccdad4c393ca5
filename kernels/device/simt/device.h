// The CUDA language as plain C++: qualifiers, built-in variables and functions, each with the meaning that
// the programming guide gives it. Included by kernels/cuda/cuda.cuh where the compiler is not nvcc.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/device/simt/runtime.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

using std::max;
using std::min;

inline void __syncthreads(mien::simt::Where where = mien::simt::Here()) { mien::simt::SyncThreads(where); }
inline void __syncwarp(unsigned mask = 0xffffffffu, mien::simt::Where where = mien::simt::Here()) {
  mien::simt::SyncWarp(mask, where);
}

namespace mien::simt {

inline int Lane() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32);
}

// `source` is the lane to read from; beyond its segment of `width` lanes a lane keeps its own value.
template <class T>
T ShuffleValue(unsigned mask, T value, int source, bool inside, Where where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = Shuffle(mask, bits, inside ? source : Lane(), where);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace mien::simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              mien::simt::Where where = mien::simt::Here()) {
  const int first = mien::simt::Lane() & ~(width - 1);
  return mien::simt::ShuffleValue(mask, value, first + (source & (width - 1)), true, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  mien::simt::Where where = mien::simt::Here()) {
  const int lane = mien::simt::Lane(), source = lane ^ lanes;
  return mien::simt::ShuffleValue(mask, value, source, source < (lane & ~(width - 1)) + width, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   mien::simt::Where where = mien::simt::Here()) {
  const int lane = mien::simt::Lane(), source = lane + static_cast<int>(delta);
  return mien::simt::ShuffleValue(mask, value, source, source < (lane & ~(width - 1)) + width, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 mien::simt::Where where = mien::simt::Here()) {
  const int lane = mien::simt::Lane(), source = lane - static_cast<int>(delta);
  return mien::simt::ShuffleValue(mask, value, source, source >= (lane & ~(width - 1)), where);
}
inline unsigned __ballot_sync(unsigned mask, int vote, mien::simt::Where where = mien::simt::Here()) {
  return mien::simt::Ballot(mask, vote != 0, where);
}
inline int __any_sync(unsigned mask, int vote, mien::simt::Where where = mien::simt::Here()) {
  return mien::simt::Ballot(mask, vote != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int vote, mien::simt::Where where = mien::simt::Here()) {
  return mien::simt::Ballot(mask, vote != 0, where) == mask;
}

// Atomics of 32-bit integers. There is none for floats: their sums would depend on the order of arrival.
#define MIEN_ATOMIC(name, op)                                                                             \
  inline unsigned name(unsigned* address, unsigned value, mien::simt::Where where = mien::simt::Here()) { \
    return mien::simt::Atomic(address, mien::simt::AtomicOp::op, value, 0, false, where);                 \
  }                                                                                                       \
  inline int name(int* address, int value, mien::simt::Where where = mien::simt::Here()) {                \
    return static_cast<int>(mien::simt::Atomic(reinterpret_cast<uint32_t*>(address),                      \
                                               mien::simt::AtomicOp::op, static_cast<uint32_t>(value), 0, \
                                               true, where));                                             \
  }
MIEN_ATOMIC(atomicAdd, kAdd)
MIEN_ATOMIC(atomicMin, kMin)
MIEN_ATOMIC(atomicMax, kMax)
MIEN_ATOMIC(atomicAnd, kAnd)
MIEN_ATOMIC(atomicOr, kOr)
MIEN_ATOMIC(atomicExch, kExchange)
#undef MIEN_ATOMIC
inline unsigned atomicCAS(unsigned* address, unsigned compare, unsigned value,
                          mien::simt::Where where = mien::simt::Here()) {
  return mien::simt::Atomic(address, mien::simt::AtomicOp::kCompareExchange, value, compare, false, where);
}

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
