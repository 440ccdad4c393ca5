// 3x3 weights as winograd.h and nested.h use them: 36 transformed weights U for the nine taps of each pair of
// channels. They are transformed when they are packed, or on the fly: packed as taps, a quarter of the memory, and
// transformed at every use, a block of output channels at a time, in the caches. The bits are the same.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/gemm.h"

namespace mien::gemm {

constexpr int64_t kTaps = 9;
constexpr int64_t kTransformed = 36;

// True where transforms on the fly save enough memory to pay for their time; the loss grows when few tiles share U.
constexpr bool WorthTransformingOnTheFly(int64_t in_channels, int64_t out_channels) {
  return in_channels * out_channels > 256 * 128;
}

// Output channels cut into blocks of whole panels, as evenly as can be; no cut changes an element's
// arithmetic.
struct ChannelBlocks {
  Panels panels;
  int64_t count;
  ChannelBlocks(int64_t out_channels, int64_t blocks)
      : panels(out_channels), count(std::clamp<int64_t>(blocks, 1, panels.count)) {}
  // For weights transformed on the fly: of about four panels, an equal number of them for each thread.
  static ChannelBlocks OnTheFly(int64_t out_channels, int64_t threads) {
    constexpr int64_t kPanels = 4;
    const int64_t panels = Panels(out_channels).count;
    return {out_channels, RoundUp((panels + kPanels - 1) / kPanels, threads)};
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

// Planes lie so far apart that they keep out of each other's cache sets.
constexpr int64_t PlaneStride(int64_t floats) { return RoundUp(floats, kTile) + kTile; }

// U of `count` pairs of channels from their taps, either as planes some floats apart. The taps may be the
// last nine planes of U.
using TransformWeights = void (*)(const float* taps, int64_t tap_stride, int64_t count, float* u,
                                  int64_t u_stride);

// U of a block: [block of k][panel][k][row], the 36 `stride` floats apart.
struct BlockWeights {
  const float* u;
  int64_t stride;
};

class TransformedWeights {
 public:
  // `packed` by Pack, of the same blocks unless `on_the_fly`.
  TransformedWeights(const ChannelBlocks& blocks, int64_t in_channels, bool on_the_fly, TransformWeights transform,
                     const float* packed)
      : blocks_(blocks), in_channels_(in_channels), on_the_fly_(on_the_fly), transform_(transform), packed_(packed) {}

  static int64_t PackedFloats(int64_t in_channels, int64_t out_channels, bool on_the_fly) {
    const int64_t pairs = in_channels * out_channels;
    return on_the_fly ? kTaps * PlaneStride(pairs) : RoundUp(kTransformed * pairs, kTile);
  }
  void Pack(const float* weight, float gain, float* packed) const;

  // What Of needs.
  int64_t MemoryFloats() const { return on_the_fly_ ? kTransformed * Stride(blocks_.MostRows()) : 0; }
  BlockWeights Of(int64_t block, float* memory) const;
  // Of a block, from k on, a tap that is one of the transformed weights as well: number `weight` of them.
  const float* Tap(int64_t block, int64_t tap, int64_t weight, int64_t k) const;

 private:
  int64_t Stride(int64_t rows) const {
    return on_the_fly_ ? PlaneStride(rows * in_channels_) : rows * in_channels_;
  }

  ChannelBlocks blocks_;
  int64_t in_channels_;
  bool on_the_fly_;
  TransformWeights transform_;
  const float* packed_;
};

struct TransformedForm {
  static ConvShape Packing(const ConvShape& conv) {
    return {.in_channels = conv.in_channels, .out_channels = conv.out_channels, .on_the_fly = conv.on_the_fly};
  }
  static int64_t PackedFloats(const ConvShape& conv) {
    return TransformedWeights::PackedFloats(conv.in_channels, conv.out_channels, conv.on_the_fly);
  }
};

}  // namespace mien::gemm
