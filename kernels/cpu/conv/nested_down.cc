#include "kernels/cpu/conv/nested_down.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/nested_down.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/nested-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {

constexpr int kStep = 2 * kTileSide;  // pixels of x from tile to tile
constexpr int kReadRows = kStep + 1;

// V of a group, one channel at a time: the pixels of all tiles are de-interleaved first, tile t in lane t.
class DownInput {
 public:
  explicit DownInput(const ConvShape& conv) : conv_(conv) {}

  void Transform(const TileGroup& group, int64_t channel, float* HWY_RESTRICT out) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      const float* plane = run.x + channel * conv_.height * conv_.width;
      for (int r = 0; r < kReadRows; ++r) Deinterleave(run, plane, run.row * kStep + r - 1, pixels_[r]);
    }
    for (int64_t t = 0; t < kTile; t += kLanes) TransformTiles(t, out + t);
  }

 private:
  static constexpr int64_t kLine = kStep * kTile;
  // Of one row of pixels: [k][t] is pixel 8 t + k of the run, [kStep][t] is pixel 8 t - 1. Whole vectors are
  // written, past the run, where the next one's pixels come.
  using Pixels = float[kStep + 1][3 * kTile];

  void Deinterleave(const TileRun& run, const float* plane, int64_t y, Pixels& pixels) {
    const D d;
    const int64_t first = run.column * kStep, left = conv_.width - first;
    const int64_t read = RoundUp(run.count, kLanes) * kStep;
    const bool inside = y >= 0 && y < conv_.height;
    const float* row = plane + y * conv_.width + first;
    const float before = inside && first > 0 ? row[-1] : 0.0f;
    if (!inside || read > left) {
      const int64_t copied = inside ? left : 0;
      std::copy_n(row, copied, line_);
      std::fill_n(line_ + copied, read - copied, 0.0f);
      row = line_;
    }
    alignas(64) float fours[kTileSide][2 * kTile];
    for (int64_t t = 0; t < run.count; t += kLanes) {
      for (int64_t half = 0; half < 2; ++half) {
        V p0, p1, p2, p3;
        hn::LoadInterleaved4(d, row + kStep * t + half * kTileSide * kLanes, p0, p1, p2, p3);
        hn::Store(p0, d, fours[0] + half * kLanes);
        hn::Store(p1, d, fours[1] + half * kLanes);
        hn::Store(p2, d, fours[2] + half * kLanes);
        hn::Store(p3, d, fours[3] + half * kLanes);
      }
      for (int k = 0; k < kTileSide; ++k) {
        V even, odd;
        hn::LoadInterleaved2(d, fours[k], even, odd);
        hn::StoreU(even, d, pixels[k] + run.target + t);
        hn::StoreU(odd, d, pixels[k + kTileSide] + run.target + t);
        if (k == 3) hn::StoreU(odd, d, pixels[kStep] + run.target + t + 1);
      }
    }
    pixels[kStep][run.target] = before;
  }

  // Along the rows of x, then along the columns.
  void TransformTiles(int64_t t, float* HWY_RESTRICT out) const {
    const D d;
    const int64_t slot = VTileFloats(conv_.in_channels);
    V rows[kReadRows][kNestedSide];
    HWY_UNROLL(9)  // as everywhere here: what is transformed stays in registers
    for (int r = 0; r < kReadRows; ++r) {
      const auto pixel = [&](int k) { return hn::LoadU(d, pixels_[r][k] + t); };
      TransformPair(pixel(kStep), pixel(1), pixel(3), pixel(5), pixel(7), rows[r]);
      HWY_UNROLL(9)
      for (int k = 0; k < kTileSide; ++k) rows[r][5 + k] = pixel(2 * k);
    }
    HWY_UNROLL(9)
    for (int c = 0; c < kNestedSide; ++c) {
      V pair[kPairProducts];
      TransformPair(rows[0][c], rows[2][c], rows[4][c], rows[6][c], rows[8][c], pair);
      HWY_UNROLL(9)
      for (int r = 0; r < kPairProducts; ++r) hn::StoreU(pair[r], d, out + NestedSlot(r, c) * slot);
      HWY_UNROLL(9)
      for (int r = 0; r < kTileSide; ++r)
        hn::StoreU(rows[1 + 2 * r][c], d, out + NestedSlot(5 + r, c) * slot);
    }
  }

  const ConvShape& conv_;
  alignas(64) float line_[kLine];
  Pixels pixels_[kReadRows] = {};
};

// Input channels [begin, end).
void TransformDownInputs(const ConvShape& conv, const TileGroup& group, int64_t begin, int64_t end,
                         float* v) {
  DownInput input(conv);
  for (int64_t i = begin; i < end; ++i) input.Transform(group, i, v + i * kTile);
}

// y of tiles t ... of one channel, four rows of pixels: along the rows of slots, then along the columns.
HWY_INLINE void DownResults(const float* HWY_RESTRICT m, int64_t t, float (*HWY_RESTRICT y)[5 * kTile]) {
  const D d;
  V rows[kNestedSide][kTileSide];
  HWY_UNROLL(9)
  for (int r = 0; r < kNestedSide; ++r) {
    V slots[kPairProducts];
    HWY_UNROLL(9)
    for (int c = 0; c < kPairProducts; ++c) slots[c] = hn::LoadU(d, m + NestedSlot(r, c) * kTile + t);
    ResultsOfPair(slots, rows[r]);
    HWY_UNROLL(9)
    for (int c = 0; c < kTileSide; ++c) {
      rows[r][c] = hn::Add(rows[r][c], hn::LoadU(d, m + NestedSlot(r, 5 + c) * kTile + t));
    }
  }
  V out[kTileSide][kTileSide];  // [column][row]
  HWY_UNROLL(9)
  for (int c = 0; c < kTileSide; ++c) {
    const V slots[kPairProducts] = {rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c]};
    ResultsOfPair(slots, out[c]);
    HWY_UNROLL(9)
    for (int r = 0; r < kTileSide; ++r) out[c][r] = hn::Add(out[c][r], rows[5 + r][c]);
  }
  HWY_UNROLL(9)
  for (int r = 0; r < kTileSide; ++r) {
    hn::StoreInterleaved4(out[0][r], out[1][r], out[2][r], out[3][r], d, y[r] + kTileSide * t);
  }
}

// Channels [begin, end) of a group, whose sums M holds.
void FinishDownChannels(const ConvShape& conv, const TileGroup& group, int64_t begin, int64_t end,
                        const float* m, const Sink& sink) {
  alignas(64) float y[kTileSide][5 * kTile];
  for (int64_t o = begin; o < end; ++o, m += kNestedSlots * kTile) {
    for (int64_t t = 0; t < kTile; t += kLanes) DownResults(m, t, y);
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      const int64_t row = run.row * kTileSide, column = run.column * kTileSide;
      sink.take(sink.context, {.sample = run.sample,
                               .channel = o,
                               .pixel = row * conv.OutWidth() + column,
                               .rows = std::min(kTileSide, conv.OutHeight() - row),
                               .count = std::min(run.count * kTileSide, conv.OutWidth() - column),
                               .sum = y[0] + run.target * kTileSide,
                               .stride = 5 * kTile});
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformDownInputs);
HWY_EXPORT(FinishDownChannels);

namespace {

int64_t Tiles(const ConvShape& conv) { return TilesAlong(conv.OutHeight()) * TilesAlong(conv.OutWidth()); }

struct DownPlan : BatchPlan {
  DownPlan(const ConvShape& conv, int64_t batch, int64_t threads)
      : BatchPlan(conv, NestedBlocks(conv.out_channels, conv.on_the_fly, threads), &TransformDownWeights, batch,
                  {0, TilesAlong(conv.OutHeight())}, TilesAlong(conv.OutWidth())) {
    constexpr int64_t kMostGroups = 2;  // whose V is kept for one transform of the weights
    Cut(threads, kTile, kMostGroups);
    v_floats = kNestedSlots * VTileFloats(conv.in_channels);
    m_stride = kNestedSlots * kTile;
    m_floats = blocks.MostRows() * m_stride;
  }
  ProductPlace PlaceOf(int64_t f, int64_t /*columns*/) const { return NestedPlace(f, conv.in_channels); }
  void TransformInputs(const ConvCall&, const TileGroup& group, int64_t begin, int64_t end, float* v) const {
    HWY_DYNAMIC_DISPATCH(TransformDownInputs)(conv, group, begin, end, v);
  }
  void TransformOutputs(const ConvCall& call, const TileTask& task, const TileGroup& group, int64_t begin,
                        int64_t end) const {
    HWY_DYNAMIC_DISPATCH(FinishDownChannels)(conv, group, begin, end, task.m, call.sink);
  }
};

}  // namespace

bool NestedDown::IsFaster(const ConvShape& conv) {
  return conv.in_channels >= kTile && conv.out_channels >= kTile && Tiles(conv) >= kTile;
}

void NestedDown::Pack(const ConvShape& conv, const float* weight, float gain, float* packed) {
  DownPlan(conv, 1, 1).Weights(nullptr).Pack(weight, gain, packed);
}

int64_t NestedDown::ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool /*ranges*/) {
  return DownPlan(conv, batch, threads).ScratchFloats(threads);
}

int64_t NestedDown::Products(const ConvShape& conv, int64_t batch) {
  return RoundUp(batch * Tiles(conv), kTile) * kNestedSlots * conv.in_channels * conv.out_channels;
}

void NestedDown::Run(const ConvShape& conv, const ConvCall& call) {
  const DownPlan plan(conv, call.x.shape[0], call.threads->threads());
  TileDriver(plan, call).Run();
}

}  // namespace mien::gemm
#endif
