// 3x3 convolution of stride 1 and padding 1 by Winograd's F(4x4,3x3) (arXiv:1509.09308): a quarter of the
// direct form's multiplications. A tile is 4x4 outputs, computed from 6x6 inputs; with the points 0, +-5/8,
// +-3/2 and infinity along either axis
//   U = G w G^T,  V = B^T (style * x) B,  M_f[o][tile] = sum_i U_f[o][i] V_f[i][tile],  y = A^T M A
// where f is one of the 36 positions. A task takes a group of tiles through all of it: V of the group is made
// once and stays in the cache, M is made for some output channels at a time, and their sums go to the sink
// (conv.h) at once. Where U is made at every use (transformed.h), all threads make V of a group, then each
// takes output channels.
#pragma once

#include <cstdint>

#include "kernels/cpu/conv/conv.h"
#include "kernels/cpu/conv/transformed.h"
#include "base/tensor.h"

namespace mien::gemm {

constexpr int64_t kWinogradTile = 4;  // outputs along either axis
constexpr int64_t kWinogradPositions = 36;

struct Winograd {
  static Winograd Of(const Shape& x, const Shape& weight, bool late) {
    return {weight[1], weight[0], x[2], x[3], late && WorthTransformingLate(weight[1], weight[0])};
  }
  int64_t in_channels = 0, out_channels = 0;
  int64_t height = 0, width = 0;
  bool late = false;  // weights (transformed.h)

  int64_t TileRows() const { return (height + kWinogradTile - 1) / kWinogradTile; }
  int64_t TileColumns() const { return (width + kWinogradTile - 1) / kWinogradTile; }
  int64_t Tiles() const { return TileRows() * TileColumns(); }  // of one sample
  // Whether it is faster than the direct form. Below sixteen tiles the product is no longer limited by
  // arithmetic, below sixteen channels the transforms cost more than they save.
  bool Wins() const {
    return in_channels >= kTile && out_channels >= kTile && width >= kTile && Tiles() >= kTile;
  }
  // Multiplications of the product for a batch.
  int64_t Products(int64_t batch) const {
    return RoundUp(batch * Tiles(), kTile) * kWinogradPositions * in_channels * out_channels;
  }
};

// The weight [O,I,3,3] times gain.
void PackWinograd(const Winograd& conv, const float* weight, float gain, float* packed);

// Of all threads, for any rows.
int64_t WinogradScratchFloats(const Winograd& conv, int64_t batch, int64_t threads);

// Rows of the input that output rows `rows` read.
RowRange WinogradRowsRead(const Winograd& conv, RowRange rows);

// x [N,I,H,W], style [N,I] or null; output rows `rows`, from a multiple of the tile on.
void ConvolveWinograd(const Winograd& conv, const float* packed, const View<const float>& x,
                      const float* style, RowRange rows, ThreadPool* threads, float* scratch,
                      const Sink& sink);

}  // namespace mien::gemm
