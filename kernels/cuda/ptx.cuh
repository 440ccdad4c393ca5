// Every instruction that CUDA C++ has no function for: one wrapper each, whose device body is that one
// instruction and whose host body says what it does. No other file contains inline assembly. All need sm_80.
#pragma once

#include "kernels/cuda/cuda.cuh"

#ifdef __CUDACC__
#define MIEN_PTX_PLACE
#else
#define MIEN_PTX_PLACE , Where where = Here()
#endif

namespace mien::MIEN_EXECUTOR {

#ifdef __CUDACC__
__device__ inline unsigned SharedAddress(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}
#endif

// Copies kBytes from global to shared memory, or zeros when not `valid` (the address must be legal all the
// same). Lands at the AsyncGroupWait that waits for its group, and is seen by other threads after a barrier
// that follows that wait.
template <int kBytes>
__device__ inline void AsyncCopy(void* shared, const void* global, bool valid MIEN_PTX_PLACE) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
#ifdef __CUDACC__
  const unsigned to = SharedAddress(shared);
  const int bytes = valid ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  } else if constexpr (kBytes == 8) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  }
#else
  simt::AsyncCopy(shared, global, kBytes, valid ? kBytes : 0, where);
#endif
}

// Closes the thread's current group of copies.
__device__ inline void AsyncGroupEnd() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::AsyncCommit();
#endif
}

// Waits until at most kGroupsLeft of the thread's youngest groups are still under way.
template <int kGroupsLeft>
__device__ inline void AsyncGroupWait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
#else
  simt::AsyncWait(kGroupsLeft);
#endif
}

// Loads kCount 8x8 matrices of halves from shared memory; lane 8 m + r gives the address of row r of matrix m
// (16 bytes, aligned). Lane l receives elements (l/4, l%4*2) and (l/4, l%4*2+1) of each, or of its transpose.
template <int kCount, bool kTransposed = false>
__device__ inline void LoadMatrices(unsigned (&registers)[kCount], const void* row MIEN_PTX_PLACE) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4);
#ifdef __CUDACC__
  const unsigned from = SharedAddress(row);
  unsigned* const r = registers;
  if constexpr (kCount == 1 && !kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(from) : "memory");
  } else if constexpr (kCount == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(from)
                 : "memory");
  } else if constexpr (kCount == 2 && !kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(from)
                 : "memory");
  } else if constexpr (kCount == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(from)
                 : "memory");
  } else if constexpr (!kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  }
#else
  simt::LoadMatrices(registers, row, kCount, kTransposed, where);
#endif
}

// d += a b for tiles 16x16 and 16x8 of halves, float sums. Fragments: fragment.h.
__device__ inline void MultiplyHalf(float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2] MIEN_PTX_PLACE) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::MultiplyHalf(d, a, b, d, where);
#endif
}

// The same for tiles 16x8 and 8x8 of tf32 (floats whose 13 low bits do not count).
__device__ inline void MultiplyTf32(float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2] MIEN_PTX_PLACE) {
#ifdef __CUDACC__
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::MultiplyTf32(d, a, b, d, where);
#endif
}

// Rounds to tf32: to nearest, ties away from zero.
__device__ inline unsigned ToTf32(float value) {
#ifdef __CUDACC__
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
#else
  return RoundToTf32(value);
#endif
}

// Reductions of integers over the lanes of the mask.
#ifdef __CUDACC__
#define MIEN_REDUX(name, type, function, reduction, is_signed) \
  __device__ inline type name(unsigned mask, type value) { return function(mask, value); }
#else
#define MIEN_REDUX(name, type, function, reduction, is_signed)                                    \
  inline type name(unsigned mask, type value, Where where = Here()) {                             \
    return static_cast<type>(                                                                     \
        ReduceLanes(mask, static_cast<uint32_t>(value), Reduction::reduction, is_signed, where)); \
  }
#endif
MIEN_REDUX(WarpAdd, unsigned, __reduce_add_sync, kAdd, false)
MIEN_REDUX(WarpMin, int, __reduce_min_sync, kMin, true)
MIEN_REDUX(WarpMax, int, __reduce_max_sync, kMax, true)
MIEN_REDUX(WarpAnd, unsigned, __reduce_and_sync, kAnd, false)
MIEN_REDUX(WarpOr, unsigned, __reduce_or_sync, kOr, false)
#undef MIEN_REDUX

}  // namespace mien::MIEN_EXECUTOR
#undef MIEN_PTX_PLACE
