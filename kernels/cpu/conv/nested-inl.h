// The transforms of nested.h along one axis, for Highway's targets.
#if defined(MIEN_KERNELS_CPU_CONV_NESTED_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_CPU_CONV_NESTED_INL_H
#undef MIEN_KERNELS_CPU_CONV_NESTED_INL_H
#else
#define MIEN_KERNELS_CPU_CONV_NESTED_INL_H
#endif

#include "hwy/highway.h"
#include "kernels/cpu/conv/deinterleave-inl.h"
#include "kernels/cpu/conv/nested.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// B^T: the slots of a pair of taps that reads d0 d1, d1 d2, d2 d3, d3 d4.
HWY_INLINE void TransformPair(V d0, V d1, V d2, V d3, V d4, V* HWY_RESTRICT out) {
  const D d;
  const V a = hn::Set(d, kNestedA), a2 = hn::Set(d, kNestedA2), b = hn::Set(d, kNestedB);
  const V e1 = hn::NegMulAdd(b, d0, d1), e2 = hn::NegMulAdd(b, d1, d2);
  const V e3 = hn::NegMulAdd(b, d2, d3), e4 = hn::NegMulAdd(b, d3, d4);
  out[0] = hn::NegMulAdd(a2, e1, e3);
  out[1] = hn::MulAdd(a, e2, e3);
  out[2] = hn::NegMulAdd(a, e2, e3);
  out[3] = hn::NegMulAdd(a2, d1, d3);
  out[4] = hn::NegMulAdd(a2, e2, e4);
}

// A^T: four results from five slots; that of the point 0 without what its weight was not divided by.
HWY_INLINE void ResultsOfPair(const V* HWY_RESTRICT m, V* HWY_RESTRICT out) {
  const D d;
  const V sum = hn::Add(m[1], m[2]), difference = hn::Sub(m[1], m[2]);
  out[0] = hn::MulAdd(hn::Set(d, kNestedZeroScale), m[0], hn::Add(sum, m[3]));
  out[1] = hn::MulAdd(hn::Set(d, kNestedB), m[3], hn::Mul(hn::Set(d, kNestedA), difference));
  out[2] = hn::MulAdd(hn::Set(d, kNestedB * kNestedB), m[3], hn::Mul(hn::Set(d, kNestedA2), sum));
  out[3] = hn::MulAdd(hn::Set(d, kNestedB * kNestedB * kNestedB), m[3],
                      hn::MulAdd(hn::Set(d, kNestedA3), difference, m[4]));
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
