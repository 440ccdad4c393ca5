// 3x3 kernels beside a step of two in 81 multiplications where the direct forms need 144: the transposed convolution
// of stride 2 ("up", nested_up.h) and the convolution of stride 2 ("down", nested_down.h). Along one axis either falls
// apart by parity into a pair of taps and a single tap:
//   up    t[2y] = w2 x[y-1] + w0 x[y],       t[2y+1] = w1 x[y]
//   down  y[j]  = w0 x[2j-1] + w2 x[2j+1]  + w1 x[2j]
// Winograd's F(4,2) makes four values of the pair with five products (points 0, +-3/4, 2 and infinity), the single tap
// needs four. So a tile of 4x4 takes 9x9 products along both axes, its slots: 0..4 belong to the points, 5..8 to the
// four pixels of the single tap. Only 6x6 of the transformed weights are distinct: the four pixels share weight 5, and
// slots with the same weight are columns of one product.
#pragma once

#include <cstdint>

#include "kernels/cpu/conv/tiles.h"

namespace mien::gemm {

constexpr int kPairProducts = 5;    // of two taps and four results
constexpr int kNestedSide = 9;      // slots along one axis
constexpr int64_t kNestedSlots = 81;
constexpr int kNestedSideWeights = 6;  // transformed weights along one axis

// The place of a slot: those of one weight are neighbours.
constexpr int64_t NestedSlot(int row, int column) {
  if (row < 5) return row * kNestedSide + column;
  return column < 5 ? 45 + 4 * column + (row - 5) : 65 + 4 * (row - 5) + (column - 5);
}
constexpr int64_t FirstSlot(int64_t weight) {
  const int row = static_cast<int>(weight) / kNestedSideWeights,
            column = static_cast<int>(weight) % kNestedSideWeights;
  return NestedSlot(row, column);
}
constexpr int64_t SlotsOf(int64_t weight) {
  return (weight + 1 < kTransformed ? FirstSlot(weight + 1) : kNestedSlots) - FirstSlot(weight);
}

// The points.
constexpr float kNestedA = 0.75f, kNestedA2 = kNestedA * kNestedA, kNestedA3 = kNestedA2 * kNestedA;
constexpr float kNestedB = 2.0f;
constexpr float kNestedZeroScale = 1 / (kNestedA2 * kNestedB);
enum NestedWeight : int { kAtZero = 0, kAtInfinity = 4, kSingle = 5 };  // along one axis: the bare taps

// The sums of some output channels are made at a time: of about eight panels, in an even number of blocks
// where there are several, so that two threads share them evenly.
inline ChannelBlocks NestedBlocks(int64_t out_channels, bool on_the_fly, int64_t threads) {
  if (on_the_fly) return ChannelBlocks::OnTheFly(out_channels, threads);
  constexpr int64_t kPanels = 8;
  const int64_t panels = Panels(out_channels).count;
  return {out_channels, panels <= kPanels / 2 ? 1 : RoundUp((panels + kPanels - 1) / kPanels, 2)};
}

// U for either (transformed.h).
void TransformUpWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride);
void TransformDownWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride);

// V as [slot][k][16] of sixteen tiles, M as [row][slot][16].
inline ProductPlace NestedPlace(int64_t f, int64_t in_channels) {
  return {FirstSlot(f) * VTileFloats(in_channels), SlotsOf(f), FirstSlot(f) * kTile};
}

}  // namespace mien::gemm
