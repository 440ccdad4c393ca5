#include "kernels/cpu/conv/winograd.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/winograd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/deinterleave-inl.h"
#include "kernels/cpu/conv/transformed-inl.h"

#ifndef MIEN_KERNELS_CPU_CONV_WINOGRAD_CONSTANTS
#define MIEN_KERNELS_CPU_CONV_WINOGRAD_CONSTANTS
namespace mien::gemm {

constexpr int kSide = 6;  // of a transformed tile

// Powers of the points; all of them are exact in fp32, and this choice has the least error of those tried: a
// third of that of the usual points 1 and 2.
constexpr float kA = 0.625f, kA2 = kA * kA, kA3 = kA2 * kA;
constexpr float kB = 1.5f, kB2 = kB * kB, kB3 = kB2 * kB;

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// B^T along one axis.
HWY_INLINE void TransformInput(V d0, V d1, V d2, V d3, V d4, V d5, V* HWY_RESTRICT out) {
  const D d;
  const V minus_sum = hn::Set(d, -(kA2 + kB2)), product = hn::Set(d, kA2 * kB2);
  out[0] = hn::MulAdd(product, d0, hn::MulAdd(minus_sum, d2, d4));
  const V a_even = hn::NegMulAdd(hn::Set(d, kB2), d2, d4), a_odd = hn::NegMulAdd(hn::Set(d, kB2), d1, d3);
  out[1] = hn::MulAdd(hn::Set(d, kA), a_odd, a_even);
  out[2] = hn::NegMulAdd(hn::Set(d, kA), a_odd, a_even);
  const V b_even = hn::NegMulAdd(hn::Set(d, kA2), d2, d4), b_odd = hn::NegMulAdd(hn::Set(d, kA2), d1, d3);
  out[3] = hn::MulAdd(hn::Set(d, kB), b_odd, b_even);
  out[4] = hn::NegMulAdd(hn::Set(d, kB), b_odd, b_even);
  out[5] = hn::MulAdd(product, d1, hn::MulAdd(minus_sum, d3, d5));
}

// A^T along one axis.
HWY_INLINE void TransformOutput(const V* HWY_RESTRICT m, V* HWY_RESTRICT out) {
  const D d;
  const V a_sum = hn::Add(m[1], m[2]), a_difference = hn::Sub(m[1], m[2]);
  const V b_sum = hn::Add(m[3], m[4]), b_difference = hn::Sub(m[3], m[4]);
  out[0] = hn::Add(m[0], hn::Add(a_sum, b_sum));
  out[1] = hn::MulAdd(hn::Set(d, kB), b_difference, hn::Mul(hn::Set(d, kA), a_difference));
  out[2] = hn::MulAdd(hn::Set(d, kB2), b_sum, hn::Mul(hn::Set(d, kA2), a_sum));
  out[3] = hn::MulAdd(hn::Set(d, kB3), b_difference, hn::MulAdd(hn::Set(d, kA3), a_difference, m[5]));
}

// V of tiles: along the rows of the image, then along the columns.
struct WinogradInput {
  static constexpr int kRows = kSide;
  static constexpr int64_t kPlaces = kTransformed;

  static HWY_INLINE void Tiles(const DeinterleavedRow* source, int64_t t, float style, float* HWY_RESTRICT out,
                               int64_t stride) {
    const D d;
    V rows[kSide][kSide];
    for (int r = 0; r < kSide; ++r) {
      V pixel[kSide];
      source[r].Load(t, style, pixel);
      TransformInput(pixel[0], pixel[1], pixel[2], pixel[3], pixel[4], pixel[5], rows[r]);
    }
    for (int c = 0; c < kSide; ++c) {
      V v[kSide];
      TransformInput(rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c], rows[5][c], v);
      for (int r = 0; r < kSide; ++r) hn::StoreU(v[r], d, out + (r * kSide + c) * stride);
    }
  }
};

void TransformInputs(const ConvShape& conv, const TileGroup& group, int64_t plane, int64_t stride, int64_t begin,
                     int64_t end, float* v) {
  TransformRuns<WinogradInput>(conv, group, plane, stride, begin, end, v);
}

// y of one run of one channel, four rows of pixels.
HWY_INLINE void OutputRun(const float* HWY_RESTRICT m, int64_t position_stride, int64_t count,
                          float* HWY_RESTRICT y, int64_t stride) {
  const D d;
  for (int64_t t = 0; t < count; t += kLanes) {
    V half[kTileSide][kSide];
    for (int c = 0; c < kSide; ++c) {
      V column[kSide], out[kTileSide];
      for (int r = 0; r < kSide; ++r) column[r] = hn::LoadU(d, m + (r * kSide + c) * position_stride + t);
      TransformOutput(column, out);
      for (int r = 0; r < kTileSide; ++r) half[r][c] = out[r];
    }
    for (int r = 0; r < kTileSide; ++r) {
      V out[kTileSide];
      TransformOutput(half[r], out);
      hn::StoreInterleaved4(out[0], out[1], out[2], out[3], d, y + r * stride + kTileSide * t);
    }
  }
}

// Channels [begin, end) of the group, whose sums M holds.
void TransformOutputs(const ConvShape& conv, const TileGroup& group, int64_t m_stride, int64_t m_position,
                      const float* m, int64_t begin, int64_t end, const Sink& sink) {
  constexpr int64_t kLine = kTileSide * kTile;
  alignas(64) float lines[kTileSide][kLine];
  for (int64_t o = begin; o < end; ++o) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      OutputRun(m + (o - begin) * m_stride + run.target, m_position, run.count, lines[0], kLine);
      const int64_t y = run.row * kTileSide, x = run.column * kTileSide;
      sink.take(sink.context, {.sample = run.sample,
                               .channel = o,
                               .pixel = y * conv.width + x,
                               .rows = std::min(kTileSide, conv.height - y),
                               .count = std::min(run.count * kTileSide, conv.width - x),
                               .sum = lines[0],
                               .stride = kLine});
    }
  }
}

// G along one axis: of a point p, what w0 + p w1 + p^2 w2 is divided by are p's distances from the others.
struct WeightAxis {
  static constexpr double kA = gemm::kA, kB = gemm::kB;
  static constexpr float kAtZero = 1 / (kA * kA * kB * kB), kAtA = 1 / (2 * kA * kA * (kA * kA - kB * kB)),
                         kAtB = 1 / (2 * kB * kB * (kB * kB - kA * kA));

  template <class W>
  static HWY_INLINE void Apply(W w0, W w1, W w2, W* HWY_RESTRICT out) {
    const D d;
    out[0] = hn::Mul(hn::Set(d, kAtZero), w0);
    const W a_even = hn::MulAdd(hn::Set(d, kA2), w2, w0), b_even = hn::MulAdd(hn::Set(d, kB2), w2, w0);
    out[1] = hn::Mul(hn::Set(d, kAtA), hn::MulAdd(hn::Set(d, gemm::kA), w1, a_even));
    out[2] = hn::Mul(hn::Set(d, kAtA), hn::NegMulAdd(hn::Set(d, gemm::kA), w1, a_even));
    out[3] = hn::Mul(hn::Set(d, kAtB), hn::MulAdd(hn::Set(d, gemm::kB), w1, b_even));
    out[4] = hn::Mul(hn::Set(d, kAtB), hn::NegMulAdd(hn::Set(d, gemm::kB), w1, b_even));
    out[5] = w2;
  }
};

void TransformWinograd(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  TransformTaps<WeightAxis>(taps, tap_stride, count, u, u_stride);
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformInputs);
HWY_EXPORT(TransformOutputs);
HWY_EXPORT(TransformWinograd);

namespace {

void TransformWinogradWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  HWY_DYNAMIC_DISPATCH(TransformWinograd)(taps, tap_stride, count, u, u_stride);
}

int64_t Tiles(const ConvShape& conv) { return TilesAlong(conv.height) * TilesAlong(conv.width); }

// Of output channels, whose sums are made at a time.
ChannelBlocks Blocks(const ConvShape& conv, int64_t threads) {
  if (conv.on_the_fly) return ChannelBlocks::OnTheFly(conv.out_channels, threads);
  constexpr int64_t kPanels = 16;
  return {conv.out_channels, (Panels(conv.out_channels).count + kPanels - 1) / kPanels};
}

// Tiles of a group, of `tiles` in all. V that a thread makes for itself: 768 KiB, three quarters of a second-level
// cache; but with fewer than 32 columns the weights, which are read once per group, would be what limits. Where weights
// are transformed for every group, V is of all threads, and the groups are as large as can be.
int64_t GroupTiles(const ConvShape& conv, int64_t tiles, int64_t threads) {
  const int64_t columns = RoundUp(tiles, kTile) / kTile;
  constexpr int64_t kMost = TileGroup::kMostTiles / kTile;
  if (conv.on_the_fly) return kTile * std::min(columns, kMost);
  constexpr int64_t kGroupFloats = int64_t{3} << 16, kLeast = 2;
  const int64_t fitting = kGroupFloats / (kTransformed * VTileFloats(conv.in_channels));
  return kTile * std::clamp<int64_t>(columns / threads, 1, std::clamp(fitting, kLeast, kMost));
}

// V as [position][tile of sixteen], M as [position][row][tiles]: the gaps keep the positions out of each other's cache
// sets.
struct WinogradPlan : BatchPlan {
  WinogradPlan(const ConvShape& conv, int64_t batch, RowRange rows, int64_t threads)
      : BatchPlan(conv, Blocks(conv, threads), &TransformWinogradWeights, batch,
                  {rows.begin / kTileSide, TilesAlong(rows.end)}, TilesAlong(conv.width)) {
    Cut(threads, GroupTiles(conv, all.end, threads), 1);
    v_position = group_tiles / kTile * VTileFloats(conv.in_channels);
    v_floats = kTransformed * v_position;
    m_stride = group_tiles;
    m_position = blocks.MostRows() * m_stride + kTile;
    m_floats = kTransformed * m_position;
  }
  ProductPlace PlaceOf(int64_t f, int64_t columns) const { return {f * v_position, columns / kTile, f * m_position}; }
  void TransformInputs(const ConvCall& call, const TileGroup& group, int64_t begin, int64_t end, float* v) const {
    HWY_DYNAMIC_DISPATCH(TransformInputs)(conv, group, call.x.Plane(), v_position, begin, end, v);
  }
  void TransformOutputs(const ConvCall& call, const TileTask& task, const TileGroup& group, int64_t begin,
                        int64_t end) const {
    HWY_DYNAMIC_DISPATCH(TransformOutputs)(conv, group, m_stride, m_position, task.m, begin, end, call.sink);
  }

  int64_t v_position, m_position;
};

}  // namespace

// Below sixteen tiles the product is no longer limited by arithmetic, below sixteen channels the transforms cost more
// than they save.
bool Winograd::IsFaster(const ConvShape& conv) {
  return conv.in_channels >= kTile && conv.out_channels >= kTile && conv.width >= kTile && Tiles(conv) >= kTile;
}

void Winograd::Pack(const ConvShape& conv, const float* weight, float gain, float* packed) {
  WinogradPlan(conv, 1, {0, conv.height}, 1).Weights(nullptr).Pack(weight, gain, packed);
}

int64_t Winograd::ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool /*ranges*/) {
  return WinogradPlan(conv, batch, {0, conv.height}, threads).ScratchFloats(threads);
}

RowGrid Winograd::Rows(const ConvShape&) { return {kTileSide, 0}; }

RowRange Winograd::RowsRead(const ConvShape& conv, RowRange rows) {
  return {std::max<int64_t>(0, rows.begin - 1), std::min(conv.height, RoundUp(rows.end, kTileSide) + 1)};
}

int64_t Winograd::Products(const ConvShape& conv, int64_t batch) {
  return RoundUp(batch * Tiles(conv), kTile) * kTransformed * conv.in_channels * conv.out_channels;
}

void Winograd::Run(const ConvShape& conv, const ConvCall& call) {
  const WinogradPlan plan(conv, call.x.shape[0], call.rows, call.threads->threads());
  TileDriver(plan, call).Run();
}

}  // namespace mien::gemm
#endif
