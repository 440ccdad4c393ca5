// 3x3 convolution of stride 2 and padding 1 with the weights of nested.h: a tile is 4x4 outputs, computed
// from 9x9 inputs. Along one axis, of the slots' sums M,
//   y[j] = (A^T M_pair)[j] + M_single[j]
// A task takes sixteen tiles through all of it: V is made once, M for a block of output channels at a time,
// and their sums go to the sink (conv.h) at once. Where the weights are transformed at every use, all threads
// make V of some sixteens, then each takes output channels.
#pragma once

#include <cstdint>

#include "kernels/cpu/conv/conv.h"
#include "kernels/cpu/conv/nested.h"

namespace mien::gemm {

struct NestedDown {
  static NestedDown Of(const Shape& x, const Shape& weight, bool late) {
    return {weight[1], weight[0], x[2], x[3], late && WorthTransformingLate(weight[1], weight[0])};
  }
  int64_t in_channels = 0, out_channels = 0;
  int64_t height = 0, width = 0;  // of the input
  bool late = false;              // weights (transformed.h)

  int64_t OutHeight() const { return (height + 1) / 2; }
  int64_t OutWidth() const { return (width + 1) / 2; }
  int64_t TileRows() const { return (OutHeight() + kNestedTile - 1) / kNestedTile; }
  int64_t TileColumns() const { return (OutWidth() + kNestedTile - 1) / kNestedTile; }
  int64_t Tiles() const { return TileRows() * TileColumns(); }  // of one sample
  // Multiplications of the product for a batch.
  int64_t Products(int64_t batch) const {
    return RoundUp(batch * Tiles(), kTile) * kNestedSlots * in_channels * out_channels;
  }
  // Whether it is faster than the direct form.
  bool Wins() const { return in_channels >= kTile && out_channels >= kTile && Tiles() >= kTile; }
};

// The weight [O,I,3,3].
void PackNestedDown(const NestedDown& conv, const float* weight, float* packed);

// Of all threads.
int64_t NestedDownScratchFloats(const NestedDown& conv, int64_t batch, int64_t threads);

// x [N,I,H,W].
void ConvolveNestedDown(const NestedDown& conv, const float* packed, const float* x, int64_t batch,
                        ThreadPool* threads, float* scratch, const Sink& sink);

}  // namespace mien::gemm
