// Pixels of a run of tiles brought apart, so that a vector holds one pixel of sixteen tiles; for Highway's
// targets.
#if defined(MIEN_KERNELS_GEMM_APART_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_GEMM_APART_INL_H
#undef MIEN_KERNELS_GEMM_APART_INL_H
#else
#define MIEN_KERNELS_GEMM_APART_INL_H
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "kernels/gemm/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

// Tiles of four pixels by four, one channel: row y of the image as lanes.
class ApartRow {
 public:
  // `count` tiles, at most sixteen, from column `first` of row y of a plane, times a factor; zeros outside.
  void Load(const float* plane, int64_t height, int64_t width, int64_t y, int64_t first, int64_t count,
            float factor) {
    const D d;
    const int64_t left = width - first, read = RoundUp(count, kLanes) * 4;
    const bool inside = y >= 0 && y < height;
    const float* row = plane + y * width + first;
    const float before = inside && first > 0 ? row[-1] : 0.0f;
    const float after = inside && 4 * count < left ? row[4 * count] : 0.0f;
    if (!inside || read > left) {
      const int64_t copied = inside ? left : 0;
      std::copy_n(row, copied, line_);
      std::fill_n(line_ + copied, read - copied, 0.0f);
      row = line_;
    }
    const V f = hn::Set(d, factor);
    for (int64_t t = 0; t < count; t += kLanes) {
      V pixel[4];
      hn::LoadInterleaved4(d, row + 4 * t, pixel[0], pixel[1], pixel[2], pixel[3]);
      for (int k = 0; k < 4; ++k) hn::Store(hn::Mul(pixel[k], f), d, apart_[k] + kPad + t);
    }
    apart_[3][kPad - 1] = before * factor;
    apart_[0][kPad + count] = after * factor;
  }

  // Pixel k of the tiles t, t + 1, ...; k from -1 to 4, the neighbours of a tile.
  V Pixel(int k, int64_t t) const { return hn::LoadU(D(), apart_[k & 3] + kPad + t + (k < 0 ? -1 : k / 4)); }

 private:
  static constexpr int64_t kPad = kTile;
  alignas(64) float line_[4 * kTile];
  alignas(64) float apart_[4][kPad + kTile + kPad];
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
