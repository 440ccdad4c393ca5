#include "kernels/cpu/conv/few_pixels.h"

#include <algorithm>

#include "kernels/cpu/conv/direct.h"
#include "kernels/cpu/rows.h"

namespace mien::gemm {
namespace {

// The taps that read anything but padding.
TapConv LiveTaps(const ConvShape& conv) {
  TapConv taps = TapsOf(conv);
  const auto lives = [&](int64_t first, int64_t side, int64_t out_side) {
    for (int64_t i = 0; i < out_side; ++i) {
      if (i * conv.stride + first >= 0 && i * conv.stride + first < side) return true;
    }
    return false;
  };
  const auto dead = [&](const Tap& tap) {
    return !lives(tap.dy, conv.height, conv.OutHeight()) || !lives(tap.dx, conv.width, conv.OutWidth());
  };
  taps.taps = static_cast<int>(std::remove_if(taps.tap, taps.tap + taps.taps, dead) - taps.tap);
  return taps;
}

int64_t Depth(const ConvShape& conv) { return conv.in_channels * LiveTaps(conv).taps; }
int64_t Pixels(const ConvShape& conv) { return conv.OutHeight() * conv.OutWidth(); }

// The pixel of a plane that a tap reads for an output pixel; -1: outside.
int64_t PixelRead(const TapConv& conv, const Tap& tap, int64_t pixel) {
  const int64_t y = pixel / conv.out_width * conv.stride + tap.dy,
                x = pixel % conv.out_width * conv.stride + tap.dx;
  return y < 0 || y >= conv.height || x < 0 || x >= conv.width ? -1 : y * conv.width + x;
}

// k [k_begin, k_end) of every row.
void GatherRows(const TapConv& conv, const float* x, int64_t rows, int64_t pixels, int64_t k_begin,
                int64_t k_end, float* gathered) {
  const int64_t plane = conv.height * conv.width, depth = conv.in_channels * conv.taps;
  for (int64_t r = 0; r < rows; ++r) {
    const float* sample = x + r / pixels * conv.in_channels * plane;
    int64_t offset[TapConv::kMaxTaps];
    for (int t = 0; t < conv.taps; ++t) offset[t] = PixelRead(conv, conv.tap[t], r % pixels);
    int64_t channel = k_begin / conv.taps, tap = k_begin % conv.taps;
    for (int64_t k = k_begin; k < k_end; ++k) {
      gathered[r * depth + k] = offset[tap] < 0 ? 0.0f : sample[channel * plane + offset[tap]];
      if (++tap == conv.taps) tap = 0, ++channel;
    }
  }
}

}  // namespace

bool FewPixels::IsFaster(const ConvShape& conv) { return Pixels(conv) <= kTile && conv.out_channels >= 4 * kTile; }

int64_t FewPixels::PackedFloats(const ConvShape& conv) { return PackedFeaturesFloats(conv.out_channels, Depth(conv)); }

void FewPixels::Pack(const ConvShape& shape, const float* weight, float gain, float* packed) {
  const TapConv conv = LiveTaps(shape);
  const int64_t elements = shape.kernel * shape.kernel;
  const auto get = [&](int64_t o, int64_t k) {
    return gain * weight[(o * conv.in_channels + k / conv.taps) * elements + conv.tap[k % conv.taps].element];
  };
  PackFeatures(conv.out_channels, conv.in_channels * conv.taps, get, packed);
}

int64_t FewPixels::ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool /*ranges*/) {
  const int64_t rows = batch * Pixels(conv);
  return RoundUp(rows * Depth(conv), kTile) + threads * rows * kTile;
}

int64_t FewPixels::Products(const ConvShape& conv, int64_t batch) {
  return batch * Pixels(conv) * Depth(conv) * RoundUp(conv.out_channels, kTile);
}

void FewPixels::Run(const ConvShape& shape, const ConvCall& call) {
  const TapConv conv = LiveTaps(shape);
  const int64_t batch = call.x.shape[0], pixels = Pixels(shape);
  const int64_t rows = batch * pixels, depth = conv.in_channels * conv.taps;
  call.threads->ParallelFor(static_cast<int>((depth + kDepth - 1) / kDepth), [&](int block, int) {
    const int64_t begin = block * kDepth;
    GatherRows(conv, call.x.data, rows, pixels, begin, std::min(depth, begin + kDepth), call.scratch);
  });
  float* results = call.scratch + RoundUp(rows * depth, kTile);
  const int64_t tiles = RoundUp(conv.out_channels, kTile) / kTile;
  call.threads->ParallelFor(static_cast<int>(tiles), [&](int tile, int thread) {
    float* sums = results + thread * rows * kTile;
    const float* weight = call.packed + tile * kTile * depth;
    MultiplyRows({.rows = rows,
                  .depth = depth,
                  .x = call.scratch,
                  .x_stride = depth,
                  .tile = weight,
                  .next = weight + kTile * depth,
                  .y = sums,
                  .y_stride = kTile});
    for (int64_t o = tile * kTile; o < std::min(conv.out_channels, (tile + 1) * kTile); ++o) {
      for (int64_t n = 0; n < batch; ++n) {
        float line[2 * kTile];
        for (int64_t p = 0; p < pixels; ++p) line[p] = sums[(n * pixels + p) * kTile + o - tile * kTile];
        call.sink.take(call.sink.context, {.sample = n, .channel = o, .pixel = 0, .count = pixels, .sum = line});
      }
    }
  });
}

}  // namespace mien::gemm
