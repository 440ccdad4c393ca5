// Convolution as an implicit matrix product (gemm.h): output channels are the rows, output pixels the columns, sixteen
// to a tile, and k runs over (input channel, tap). The pixels a tile needs are gathered per block of k, multiplied by
// their channel's style on the way, with zeros outside the image; no matrix of patches ever exists in memory.
#pragma once

#include <cstdint>

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/gemm.h"

namespace mien::gemm {

struct Direct : PacksTaps, NoKeptRows {
  static int64_t PackedFloats(const ConvShape& conv) { return conv.Weights(); }
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static RowGrid Rows(const ConvShape&) { return {1, 0}; }
  static RowRange RowsRead(const ConvShape& conv, RowRange rows);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

struct Tap {
  int dy, dx;   // output pixel (y, x) reads input pixel (y * stride + dy, x * stride + dx)
  int element;  // of the stored kernel
};

// A convolution as a list of taps.
struct TapConv {
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
// All taps, of whole images in memory.
TapConv TapsOf(const ConvShape& conv);

// The weight [O,I,elements] times gain as panels: [block of k][panel][k][row]; O * I * taps floats.
void PackPanels(const TapConv& conv, const float* weight, int64_t elements, float gain, float* packed);

int64_t ThreadScratchFloats(const TapConv& conv);

// Output pixels [pixel_begin, pixel_end) of one sample, channels of panels [panel_begin, panel_end).
// style [I] may be null.
struct PixelRange {
  const float* x;
  const float* style;
  int64_t sample;
  int64_t pixel_begin, pixel_end;
  int64_t panel_begin, panel_end;
};
void ConvolvePixels(const TapConv& conv, const float* packed, const PixelRange& range, float* thread_scratch,
                    const Sink& sink);

}  // namespace mien::gemm
