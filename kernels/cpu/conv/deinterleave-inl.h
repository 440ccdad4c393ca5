// De-interleaves runs of tiles of four by four: lane t holds the same pixel of tile t; for Highway's targets.
#if defined(MIEN_KERNELS_CPU_CONV_DEINTERLEAVE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MIEN_KERNELS_CPU_CONV_DEINTERLEAVE_INL_H
#undef MIEN_KERNELS_CPU_CONV_DEINTERLEAVE_INL_H
#else
#define MIEN_KERNELS_CPU_CONV_DEINTERLEAVE_INL_H
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "kernels/cpu/conv/tiles.h"

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

// Row y of one channel of an image.
class DeinterleavedRow {
 public:
  // At most sixteen tiles, from column `first` of row y of a plane; zeros outside.
  void Begin(const float* plane, int64_t height, int64_t width, int64_t y, int64_t first, int64_t count) {
    const bool inside = y >= 0 && y < height;
    const int64_t read = RoundUp(count, kLanes) * kTileSide;
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
    const int64_t next = kTileSide * (t + kLanes);
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
  alignas(64) float line_[kTileSide * kTile];
};

// To the second-level cache, for rows of a large image share few sets of the first.
HWY_INLINE void PrefetchRows(const float* plane, int64_t height, int64_t width, int64_t y_begin,
                             int64_t y_end, int64_t first, int64_t count) {
  for (int64_t y = std::max<int64_t>(y_begin, 0); y < std::min(y_end, height); ++y) {
    for (int64_t x = 0; x < kTileSide * count; x += kTile) __builtin_prefetch(plane + y * width + first + x, 0, 2);
  }
}

// V of a group, input channels [begin, end): Input::Tiles makes vectors for all kPlaces of V, `stride` floats apart, of
// kRows rows from the one above a tile on.
template <class Input>
void TransformRuns(const ConvShape& conv, const TileGroup& group, int64_t plane, int64_t stride, int64_t begin,
                   int64_t end, float* v) {
  constexpr int64_t kPrefetchChannels = 2;  // planes lie too far apart for the hardware to see the pattern
  alignas(64) float last_channel[Input::kPlaces][2 * kTile];
  DeinterleavedRow rows[Input::kRows];
  for (int64_t i = begin; i < end; ++i) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      const int64_t y = run.row * kTileSide - 1, first = run.column * kTileSide;
      if (i + kPrefetchChannels < end) {
        PrefetchRows(run.x + (i + kPrefetchChannels) * plane, conv.height, conv.width, y, y + Input::kRows, first,
                     run.count);
      }
      for (int r = 0; r < Input::kRows; ++r)
        rows[r].Begin(run.x + i * plane, conv.height, conv.width, y + r, first, run.count);
      // Lanes behind a run are those of the next channel, which comes later, but for the last one.
      const bool last = i + 1 == end;
      float* const target = v + run.target / kTile * VTileFloats(conv.in_channels) + i * kTile + run.target % kTile;
      float* const out = last ? last_channel[0] : target;
      const float style = run.style != nullptr ? run.style[i] : 1.0f;
      for (int64_t t = 0; t < run.count; t += kLanes)
        Input::Tiles(rows, t, style, out + t, last ? 2 * kTile : stride);
      if (!last) continue;
      for (int64_t f = 0; f < Input::kPlaces; ++f) std::copy_n(last_channel[f], run.count, target + f * stride);
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
