// Convolution as an implicit matrix product (gemm.h): output channels are the rows, output pixels the
// columns, sixteen to a tile, and k runs over (input channel, tap). The pixels a tile needs are gathered per
// block of k, multiplied by their channel's style on the way, with zeros outside the image; no matrix of
// patches ever exists in memory.
#pragma once

#include <cstdint>

#include "kernels/cpu/gemm.h"
#include "base/tensor.h"
#include "base/thread_pool.h"

namespace mien::gemm {

struct Tap {
  int dy, dx;   // output pixel (y, x) reads input pixel (y * stride + dy, x * stride + dx)
  int element;  // of the stored kernel
};

struct Conv {
  static constexpr int kMaxTaps = 49;
  int64_t in_channels = 0, out_channels = 0;
  int64_t height = 0, width = 0;  // of the input
  int64_t out_width = 0;
  int64_t plane = 0;    // floats from channel to channel of the input
  int64_t row_end = 0;  // rows of the input from here on are not in memory, nor needed
  int64_t stride = 1;
  int taps = 0;
  Tap tap[kMaxTaps] = {};

  // A block of k is whole input channels, about as many in each block.
  int64_t BlockChannels() const {
    const int64_t most = kDepth / taps, blocks = (in_channels + most - 1) / most;
    return (in_channels + blocks - 1) / blocks;
  }
};

// The weight [O,I,elements] times gain as panels: [block of k][panel][k][row]; O * I * taps floats.
void PackWeight(const Conv& conv, const float* weight, int64_t elements, float gain, float* packed);
inline int64_t PackedWeightFloats(const Conv& conv) {
  return conv.out_channels * conv.in_channels * conv.taps;
}

// Results: `count` pixels of one channel of one sample that lie behind one another, or `rows` such stretches,
// each in the next row of the image. 16 floats may be read past the last.
struct Sums {
  int64_t sample, channel;
  int64_t pixel;  // the first
  int64_t rows = 1, count;
  const float* sum;
  int64_t stride = 0;  // from row to row
};
struct Sink {
  void (*take)(const void* context, const Sums& sums);
  const void* context;
};

// What one thread needs for ConvolvePixels or ConvolveBatch.
int64_t ThreadScratchFloats(const Conv& conv);

// Output pixels [pixel_begin, pixel_end) of one sample, channels of panels [panel_begin, panel_end).
// style [I] may be null.
struct PixelRange {
  const float* x;
  const float* style;
  int64_t sample;
  int64_t pixel_begin, pixel_end;
  int64_t panel_begin, panel_end;
};
void ConvolvePixels(const Conv& conv, const float* packed, const PixelRange& range, float* thread_scratch,
                    const Sink& sink);

// All samples, x [N,I,H,W] and style [N,I] or null; output rows `rows` of each. `scratch`: one block per
// thread.
void ConvolveBatch(const Conv& conv, const float* packed, const float* x, const float* style, int64_t batch,
                   RowRange rows, ThreadPool* threads, float* scratch, const Sink& sink);

}  // namespace mien::gemm
