// The tiles of the transposed convolution with the filter fused: what up_conv.cc counts and up_conv.cu runs.
//   T[2y+ky,2x+kx] += w[ky,kx] x[y,x],   out[r,c] = sum_ab filter[3-a,3-b] T[r+a-1,c+b-1]
// A tile of pixels of x makes, as four sums (parts) per pixel, the four numbers of T at (2y + p, 2x + q); the
// last of its sums with the taps of the pixels above and left. The filter then needs one more row of T above
// and two below than it makes of outputs, so neighbouring tiles overlap by two pixels.
#pragma once

#include "kernels/tensor/mod_conv.h"
#include "kernels/tensor/tile.h"

namespace mien {

// Step ky, tap kx: even rows of T have taps 0 (this row of x) and 2 (the row before), odd rows tap 1; columns
// likewise.
struct UpWindow {
  static constexpr int kHeight = 2, kWidth = 2, kStride = 1, kOverlap = 2;
  static constexpr int kUnread = 1;  // by row and column 0 of T, which the filter does not reach
  static constexpr int kSteps = 3, kTaps = 3, kParts = 4;
  // Number 3 ky + kx of tap i in the order of the main loop, by the pixel that it reads.
  static constexpr int Tap(int i) { return i == 2 || i == 3 ? i + 1 : i == 4 ? 2 : i; }
  static constexpr int Row(int step, int tap) { return Tap(step * kTaps + tap) / 3 == 2 ? 0 : 1; }
  static constexpr int Column(int step, int tap) { return Tap(step * kTaps + tap) % 3 == 2 ? 0 : 1; }
  static constexpr int Part(int step, int tap) {
    return Tap(step * kTaps + tap) / 3 % 2 * 2 + Tap(step * kTaps + tap) % 3 % 2;
  }
};

// T in shared memory: kChunkBytes of channels at a time, even columns of a row before odd ones, so that
// neighbouring pixels write and neighbouring pairs of outputs read neighbouring slots.
template <int kTileHeight, int kTileWidth, int kWarpsAlongM, int kWarpsAlongN, int kRing>
struct UpTile : GemmTile<UpWindow, kTileHeight, kTileWidth, 32, kWarpsAlongM, kWarpsAlongN, kRing> {
  using Base = GemmTile<UpWindow, kTileHeight, kTileWidth, 32, kWarpsAlongM, kWarpsAlongN, kRing>;
  static constexpr int kRows = 2 * kTileHeight, kColumns = 2 * kTileWidth;
  static constexpr int Offset(int row, int column) {
    return (row * kColumns + column % 2 * kTileWidth + column / 2) * kSlotBytes;
  }
  static constexpr int SharedBytes(int chunks, int /*element_bytes*/) {
    const int t = kRows * kColumns * kSlotBytes, pipeline = Base::PipelineBytes(chunks);
    return t > pipeline ? t : pipeline;
  }

  // Outputs: a thread slides down kSegmentRows rows of a pair of columns, eight pairs and four pieces of 16
  // bytes of channels to a warp.
  static constexpr int kPairs = kTileWidth - 2, kPairWarps = DivideUp(kPairs, 8), kSegments = 4;
  static constexpr int kSegmentRows = (kRows - 4) / kSegments;
  static_assert(kSegmentRows * kSegments == kRows - 4 && kPairWarps * kSegments <= Base::kWarps);
};

template <class Tile>
constexpr bool TransposedIsSound() {
  bool seen[Tile::kRows * Tile::kColumns] = {};
  for (int row = 0; row < Tile::kRows; ++row) {
    for (int column = 0; column < Tile::kColumns; ++column) {
      bool& slot = seen[Tile::Offset(row, column) / kSlotBytes];
      if (slot || Tile::Offset(row, column) != Tile::Offset(row, 0) + Tile::Offset(0, column)) return false;
      slot = true;
    }
  }
  // Eight pairs read a piece at once; 32 lanes write two halves each.
  unsigned quarters = 0, banks = 0;
  for (int pair = 0; pair < 8; ++pair) quarters |= 1u << Tile::Offset(0, 2 * pair) / kPieceBytes % 8;
  for (int lane = 0; lane < 32; ++lane) {
    const Element e = FragmentC(lane, 0);
    banks |= 1u << (Tile::Offset(0, 2 * e.row) + 2 * e.column) / 4 % 32;
  }
  return quarters == 0xff && banks == 0xffffffffu;
}

// Calls body.operator()<Tile>() with the tile of a layer.
template <class Body>
auto WithUpConvTile(const FastModConv::Params& p, const Body& body) {
  if (p.height * p.width <= 256) return body.template operator()<UpTile<10, 8, 1, 4, 3>>();
  return body.template operator()<UpTile<16, 16, 8, 1, 3>>();
}

}  // namespace mien
