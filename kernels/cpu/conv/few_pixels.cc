#include "kernels/cpu/conv/few_pixels.h"

namespace mien::gemm {
namespace {

// The pixel of a plane that a tap reads for an output pixel; -1: outside.
int64_t PixelRead(const Conv& conv, const Tap& tap, int64_t pixel) {
  const int64_t y = pixel / conv.out_width * conv.stride + tap.dy,
                x = pixel % conv.out_width * conv.stride + tap.dx;
  return y < 0 || y >= conv.height || x < 0 || x >= conv.width ? -1 : y * conv.width + x;
}

// k [k_begin, k_end) of every row.
void GatherRows(const Conv& conv, const float* x, int64_t rows, int64_t pixels, int64_t k_begin,
                int64_t k_end, float* gathered) {
  const int64_t plane = conv.height * conv.width, depth = conv.in_channels * conv.taps;
  for (int64_t r = 0; r < rows; ++r) {
    const float* sample = x + r / pixels * conv.in_channels * plane;
    int64_t offset[Conv::kMaxTaps];
    for (int t = 0; t < conv.taps; ++t) offset[t] = PixelRead(conv, conv.tap[t], r % pixels);
    int64_t channel = k_begin / conv.taps, tap = k_begin % conv.taps;
    for (int64_t k = k_begin; k < k_end; ++k) {
      gathered[r * depth + k] = offset[tap] < 0 ? 0.0f : sample[channel * plane + offset[tap]];
      if (++tap == conv.taps) tap = 0, ++channel;
    }
  }
}

}  // namespace

void PackFewPixels(const Conv& conv, const float* weight, int64_t elements, float* packed) {
  const auto get = [&](int64_t o, int64_t k) {
    return weight[(o * conv.in_channels + k / conv.taps) * elements + conv.tap[k % conv.taps].element];
  };
  PackFeatures(conv.out_channels, conv.in_channels * conv.taps, get, packed);
}

int64_t FewPixelsScratchFloats(const Conv& conv, int64_t batch, int64_t pixels, int64_t threads) {
  const int64_t rows = batch * pixels;
  return RoundUp(rows * conv.in_channels * conv.taps, kTile) + threads * rows * kTile;
}

void ConvolveFewPixels(const Conv& conv, const float* packed, const float* x, int64_t batch, int64_t pixels,
                       ThreadPool* threads, float* scratch, const Sink& sink) {
  const int64_t rows = batch * pixels, depth = conv.in_channels * conv.taps;
  threads->ParallelFor(static_cast<int>((depth + kDepth - 1) / kDepth), [&](int block, int) {
    const int64_t begin = block * kDepth;
    GatherRows(conv, x, rows, pixels, begin, std::min(depth, begin + kDepth), scratch);
  });
  float* results = scratch + RoundUp(rows * depth, kTile);
  const int64_t tiles = RoundUp(conv.out_channels, kTile) / kTile;
  threads->ParallelFor(static_cast<int>(tiles), [&](int tile, int thread) {
    float* sums = results + thread * rows * kTile;
    const float* weight = packed + tile * kTile * depth;
    MultiplyRows({.rows = rows,
                  .depth = depth,
                  .x = scratch,
                  .x_stride = depth,
                  .tile = weight,
                  .next = weight + kTile * depth,
                  .y = sums,
                  .y_stride = kTile});
    for (int64_t o = tile * kTile; o < std::min(conv.out_channels, (tile + 1) * kTile); ++o) {
      for (int64_t n = 0; n < batch; ++n) {
        float line[2 * kTile];
        for (int64_t p = 0; p < pixels; ++p) line[p] = sums[(n * pixels + p) * kTile + o - tile * kTile];
        sink.take(sink.context, {.sample = n, .channel = o, .pixel = 0, .count = pixels, .sum = line});
      }
    }
  });
}

}  // namespace mien::gemm
