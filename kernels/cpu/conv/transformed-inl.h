// U from the taps (transformed.h), for Highway's targets.
#if defined(MIEN_KERNELS_CPU_CONV_TRANSFORMED_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_CPU_CONV_TRANSFORMED_INL_H
#undef MIEN_KERNELS_CPU_CONV_TRANSFORMED_INL_H
#else
#define MIEN_KERNELS_CPU_CONV_TRANSFORMED_INL_H
#endif

#include "hwy/highway.h"
#include "kernels/cpu/conv/transformed.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of one vector of pairs of channels: Axis::Apply makes six weights of three taps along either axis.
template <class Axis, class Load, class Store>
HWY_INLINE void TransformVector(const Load& load, const Store& store) {
  using V = decltype(load(0));
  V half[6][3];
  HWY_UNROLL(6)
  for (int x = 0; x < 3; ++x) {
    V column[6];
    Axis::Apply(load(x), load(3 + x), load(6 + x), column);
    HWY_UNROLL(6)
    for (int r = 0; r < 6; ++r) half[r][x] = column[r];
  }
  HWY_UNROLL(6)
  for (int r = 0; r < 6; ++r) {
    V row[6];
    Axis::Apply(half[r][0], half[r][1], half[r][2], row);
    HWY_UNROLL(6)
    for (int c = 0; c < 6; ++c) store(row[c], 6 * r + c);
  }
}

template <class Axis>
HWY_INLINE void TransformTaps(const float* taps, int64_t tap_stride, int64_t count, float* u,
                              int64_t u_stride) {
  const hn::CappedTag<float, kTile> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(d));
  int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes) {
    TransformVector<Axis>([&](int t) { return hn::LoadU(d, taps + t * tap_stride + n); },
                          [&](V v, int f) { hn::StoreU(v, d, u + f * u_stride + n); });
  }
  const int64_t rest = count - n;
  if (rest == 0) return;
  alignas(64) float tap[kTaps][kLanes] = {}, weight[kTransformed][kLanes];
  for (int64_t t = 0; t < kTaps; ++t) std::copy_n(taps + t * tap_stride + n, rest, tap[t]);
  TransformVector<Axis>([&](int t) { return hn::Load(d, tap[t]); },
                        [&](V v, int f) { hn::Store(v, d, weight[f]); });
  for (int64_t f = 0; f < kTransformed; ++f) std::copy_n(weight[f], rest, u + f * u_stride + n);
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
