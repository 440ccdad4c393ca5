// 3x3 kernels beside a step of two in 81 multiplications where the direct forms need 144: the transposed
// convolution of stride 2 ("up", kernels/mod_conv/mod_conv_nested.cc) and the convolution of stride 2
// ("down", nested_down.h). Along one axis either falls apart by parity into a pair of taps and a single tap:
//   up    t[2y] = w2 x[y-1] + w0 x[y],       t[2y+1] = w1 x[y]
//   down  y[j]  = w0 x[2j-1] + w2 x[2j+1]  + w1 x[2j]
// Winograd's F(4,2) makes four values of the pair with five products (points 0, +-3/4, 2 and infinity), the
// single tap needs four. So a tile of 4x4 takes 9x9 products along both axes, its slots: 0..4 belong to the
// points, 5..8 to the four pixels of the single tap. Only 6x6 of the transformed weights are distinct: the
// four pixels share weight 5, and slots with the same weight are columns of one product.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace mien::gemm {

constexpr int64_t kNestedTile = 4;  // along either axis
constexpr int kPairProducts = 5;    // of two taps and four results
constexpr int kNestedSide = 9;      // slots along one axis
constexpr int64_t kNestedSlots = 81;
constexpr int kNestedSideWeights = 6;  // transformed weights along one axis
constexpr int64_t kNestedWeights = 36;

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
  return (weight + 1 < kNestedWeights ? FirstSlot(weight + 1) : kNestedSlots) - FirstSlot(weight);
}

// The points, and what belongs to the point 0: weight 0 is the pair's first tap / kZeroScale.
constexpr float kNestedA = 0.75f, kNestedA2 = kNestedA * kNestedA, kNestedA3 = kNestedA2 * kNestedA;
constexpr float kNestedB = 2.0f;
constexpr float kZeroScale = kNestedA2 * kNestedB;
enum NestedWeight : int { kAtZero = 0, kAtInfinity = 4, kSingle = 5 };  // along one axis

// Which taps of the stored kernel, along either axis, are the pair and which is the single one.
struct NestedTaps {
  int first, second, single;
};
constexpr NestedTaps kUpTaps = {2, 0, 1}, kDownTaps = {0, 2, 1};

// The sums of some output channels are made at a time: about eight panels, in an even number of blocks where
// there are several, so that two threads share them evenly.
struct NestedBlocks {
  Panels panels;
  int64_t count;
  explicit NestedBlocks(int64_t out_channels) : panels(out_channels), count(1) {
    constexpr int64_t kPanels = 8;
    if (panels.count > kPanels / 2) count = RoundUp((panels.count + kPanels - 1) / kPanels, 2);
  }
  int64_t Panel(int64_t block) const { return panels.count * block / count; }
  int64_t Row(int64_t block) const { return panels.Begin(Panel(block)); }  // the first channel
  int64_t Rows(int64_t block) const { return Row(block + 1) - Row(block); }
  int64_t MostRows() const {
    int64_t most = 0;
    for (int64_t b = 0; b < count; ++b) most = std::max(most, Rows(b));
    return most;
  }
};

// The weight [O,I,3,3] times gain: U as [block][weight][block of k][panel][k][row].
inline int64_t PackedNestedFloats(int64_t in_channels, int64_t out_channels) {
  return RoundUp(kNestedWeights * in_channels * out_channels, kTile);
}
void PackNested(int64_t in_channels, int64_t out_channels, const float* weight, float gain,
                const NestedTaps& taps, float* packed);

// V as [slot][k][16], the slots v_slot floats apart.
constexpr int64_t NestedSlotFloats(int64_t in_channels) { return (in_channels + 1) * kTile; }

// Products of one block of channels; `packed` as PackNested left it.
class NestedProduct {
 public:
  NestedProduct(const NestedBlocks& blocks, int64_t in_channels, const float* packed)
      : blocks_(blocks), in_channels_(in_channels), packed_(packed) {}

  // c[row][tiles of 16 columns] = weight * b; rows of c are c_stride apart. next_b: what will be wanted then.
  void Multiply(int64_t block, int64_t weight, const float* b, int64_t tiles, float* c, int64_t c_stride,
                const float* next_b = nullptr) const;
  // M [row][slot][16] of a group of sixteen tiles.
  void MultiplySlots(int64_t block, const float* v, float* m) const {
    const auto slots = [&](int64_t f) { return v + FirstSlot(f) * NestedSlotFloats(in_channels_); };
    for (int64_t f = 0; f < kNestedWeights; ++f) {
      Multiply(block, f, slots(f), SlotsOf(f), m + FirstSlot(f) * kTile, kNestedSlots * kTile,
               slots((f + 1) % kNestedWeights));
    }
  }

 private:
  const NestedBlocks& blocks_;
  int64_t in_channels_;
  const float* packed_;
};

}  // namespace mien::gemm
