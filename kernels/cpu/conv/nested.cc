#include "kernels/cpu/conv/nested.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/nested.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/transformed-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {

// G along one axis: of a point p, what (first + p second) is divided by are p's distances from the others.
// That of the point 0 comes later (nested-inl.h), so that the weight is a tap.
struct PairAndSingle {
  static constexpr double kA = kNestedA, kB = kNestedB;
  static constexpr float kAtA = 1 / (2 * kA * kA * (kA - kB)), kAtMinusA = -1 / (2 * kA * kA * (kA + kB)),
                         kAtB = 1 / (kB * (kB - kA) * (kB + kA));

  template <class V>
  static HWY_INLINE void Apply(V first, V second, V single, V* HWY_RESTRICT out) {
    const hn::DFromV<V> d;
    const V a = hn::Set(d, kNestedA), b = hn::Set(d, kNestedB);
    out[0] = first;
    out[1] = hn::Mul(hn::Set(d, kAtA), hn::MulAdd(a, second, first));
    out[2] = hn::Mul(hn::Set(d, kAtMinusA), hn::NegMulAdd(a, second, first));
    out[3] = hn::Mul(hn::Set(d, kAtB), hn::MulAdd(b, second, first));
    out[4] = second;
    out[5] = single;
  }
};

struct UpAxis {
  template <class V>
  static HWY_INLINE void Apply(V w0, V w1, V w2, V* HWY_RESTRICT out) {
    PairAndSingle::Apply(w2, w0, w1, out);
  }
};

struct DownAxis {
  template <class V>
  static HWY_INLINE void Apply(V w0, V w1, V w2, V* HWY_RESTRICT out) {
    PairAndSingle::Apply(w0, w2, w1, out);
  }
};

void TransformUp(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  TransformTaps<UpAxis>(taps, tap_stride, count, u, u_stride);
}

void TransformDown(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  TransformTaps<DownAxis>(taps, tap_stride, count, u, u_stride);
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformUp);
HWY_EXPORT(TransformDown);

void TransformUpWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  HWY_DYNAMIC_DISPATCH(TransformUp)(taps, tap_stride, count, u, u_stride);
}

void TransformDownWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  HWY_DYNAMIC_DISPATCH(TransformDown)(taps, tap_stride, count, u, u_stride);
}

}  // namespace mien::gemm
#endif
