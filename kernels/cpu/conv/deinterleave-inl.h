// De-interleaves a run of tiles: lane t of a vector holds the same pixel of tile t, of sixteen tiles; for Highway's
// targets.
#if defined(MIEN_KERNELS_GEMM_APART_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_GEMM_APART_INL_H
#undef MIEN_KERNELS_GEMM_APART_INL_H
#else
#define MIEN_KERNELS_GEMM_APART_INL_H
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "kernels/cpu/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// Every lane's neighbour `by` lanes on, around the end.
HWY_INLINE V Neighbours(V v, int64_t by) {
  const D d;
  alignas(64) int32_t lane[kTile];
  for (int64_t i = 0; i < kLanes; ++i) lane[i] = static_cast<int32_t>((i + by) % kLanes);
  return hn::TableLookupLanes(v, hn::SetTableIndices(d, lane));
}

// Tiles of four pixels by four, one channel: row y of the image as lanes.
class ApartRow {
 public:
  // At most sixteen tiles, from column `first` of row y of a plane; zeros outside.
  void Begin(const float* plane, int64_t height, int64_t width, int64_t y, int64_t first, int64_t count) {
    const bool inside = y >= 0 && y < height;
    const int64_t read = RoundUp(count, kLanes) * 4;
    left_ = inside ? width - first : 0;
    row_ = plane + y * width + first;
    before_ = inside && first > 0 ? row_[-1] : 0.0f;
    if (read <= left_) return;
    std::copy_n(row_, left_, line_);
    std::fill_n(line_ + left_, read - left_, 0.0f);
    row_ = line_;
  }

  // Of the tiles t, t + 1, ...: pixels -1 to 3, and the neighbour behind them, times a factor.
  HWY_INLINE void Load(int64_t t, float factor, V* HWY_RESTRICT pixel) const {
    const D d;
    Load5(t, factor, pixel);
    const int64_t next = 4 * (t + kLanes);
    const V last = hn::Set(d, next < left_ ? row_[next] * factor : 0.0f);
    pixel[5] = hn::IfThenElse(hn::FirstN(d, kLanes - 1), Neighbours(pixel[1], 1), last);
  }
  HWY_INLINE void Load5(int64_t t, float factor, V* HWY_RESTRICT pixel) const {
    const D d;
    const V f = hn::Set(d, factor);
    hn::LoadInterleaved4(d, row_ + 4 * t, pixel[1], pixel[2], pixel[3], pixel[4]);
    for (int k = 1; k < 5; ++k) pixel[k] = hn::Mul(pixel[k], f);
    const V first = hn::Set(d, (t > 0 ? row_[4 * t - 1] : before_) * factor);
    pixel[0] = hn::IfThenElse(hn::FirstN(d, 1), first, Neighbours(pixel[4], kLanes - 1));
  }

 private:
  const float* row_;
  int64_t left_;
  float before_;
  alignas(64) float line_[4 * kTile];
};

// Asks for the pixels of such a run early; to the second-level cache, for rows of a large image share few
// sets of the first.
HWY_INLINE void PrefetchRows(const float* plane, int64_t height, int64_t width, int64_t y_begin,
                             int64_t y_end, int64_t first, int64_t count) {
  for (int64_t y = std::max<int64_t>(y_begin, 0); y < std::min(y_end, height); ++y) {
    for (int64_t x = 0; x < 4 * count; x += kTile) __builtin_prefetch(plane + y * width + first + x, 0, 2);
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
