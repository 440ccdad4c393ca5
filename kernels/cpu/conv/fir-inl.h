// Filtering rows of t (fir.h), for Highway's targets.
#if defined(MIEN_KERNELS_CPU_CONV_FIR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_CPU_CONV_FIR_INL_H
#undef MIEN_KERNELS_CPU_CONV_FIR_INL_H
#else
#define MIEN_KERNELS_CPU_CONV_FIR_INL_H
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "kernels/cpu/conv/fir.h"
#include "kernels/cpu/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FirD = hn::CappedTag<float, kTile>;
constexpr int64_t kFirLanes = static_cast<int64_t>(hn::MaxLanes(FirD()));
constexpr int64_t kFirRows = 8,
                  kFirPairs = 80;  // of the output, at a time: a window of sixteen tiles and one more
constexpr int64_t kFirLine = 2 * kFirPairs;

// out[r][x] = sum_a taps[a] in[r + a][x], `count` rows.
template <class Get>
HWY_INLINE void FilterDown(const float* taps, const Get& get, int64_t count, int64_t columns,
                           float (*HWY_RESTRICT out)[kFirPairs + 2 * kTile]) {
  const FirD d;
  const auto f0 = hn::Set(d, taps[0]), f1 = hn::Set(d, taps[1]), f2 = hn::Set(d, taps[2]);
  const auto f3 = hn::Set(d, taps[3]);
  for (int64_t x = 0; x < columns; x += kFirLanes) {
    auto row0 = hn::LoadU(d, get(0) + x), row1 = hn::LoadU(d, get(1) + x), row2 = hn::LoadU(d, get(2) + x);
    for (int64_t r = 0; r < count; ++r) {
      const auto row3 = hn::LoadU(d, get(r + 3) + x);
      const auto sum = hn::MulAdd(f1, row1, hn::Mul(f0, row0));
      hn::Store(hn::MulAdd(f3, row3, hn::MulAdd(f2, row2, sum)), d, out[r] + x);
      row0 = row1, row1 = row2, row2 = row3;
    }
  }
}

// y[2x], y[2x+1] += sum_b taps[b] row[..]; `first`: = instead.
HWY_INLINE void FilterAcross(const float* taps, const SplitRow& row, bool first, int64_t x,
                             hn::Vec<FirD>* HWY_RESTRICT left, hn::Vec<FirD>* HWY_RESTRICT right) {
  const FirD d;
  const auto f0 = hn::Set(d, taps[0]), f1 = hn::Set(d, taps[1]), f2 = hn::Set(d, taps[2]);
  const auto f3 = hn::Set(d, taps[3]);
  const auto odd0 = hn::LoadU(d, row.odd + x), even0 = hn::LoadU(d, row.even + x);
  const auto odd1 = hn::LoadU(d, row.odd + x + 1), even1 = hn::LoadU(d, row.even + x + 1);
  const auto odd2 = hn::LoadU(d, row.odd + x + 2);
  *left = first ? hn::Mul(f0, odd0) : hn::MulAdd(f0, odd0, *left);
  *right = first ? hn::Mul(f0, even0) : hn::MulAdd(f0, even0, *right);
  *left = hn::MulAdd(f3, even1, hn::MulAdd(f2, odd1, hn::MulAdd(f1, even0, *left)));
  *right = hn::MulAdd(f3, odd2, hn::MulAdd(f2, even1, hn::MulAdd(f1, odd1, *right)));
}

// `count` output rows, at most kFirRows, from the rows count + 3; at most kFirPairs pairs of pixels. Writes
// whole vectors of pairs.
HWY_INLINE void FilterRows(const Fir& fir, const SplitRow* rows, int64_t count, int64_t pairs,
                           float (*HWY_RESTRICT y)[kFirLine]) {
  const FirD d;
  alignas(64) float even[kFirRows][kFirPairs + 2 * kTile], odd[kFirRows][kFirPairs + 2 * kTile];
  if (fir.separable != 0) {
    FilterDown(
        fir.down, [&](int64_t r) { return rows[r].even; }, count, pairs + 1, even);
    FilterDown(
        fir.down, [&](int64_t r) { return rows[r].odd; }, count, pairs + 2, odd);
  }
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t x = 0; x < pairs; x += kFirLanes) {
      auto left = hn::Zero(d), right = hn::Zero(d);
      if (fir.separable != 0) {
        FilterAcross(fir.across, {even[r], odd[r]}, true, x, &left, &right);
      } else {
        for (int64_t a = 0; a < 4; ++a) FilterAcross(fir.whole[a], rows[r + a], a == 0, x, &left, &right);
      }
      hn::StoreInterleaved2(left, right, d, y[r] + 2 * x);
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
