#include "kernels/gemm/few_pixels.h"

namespace mien::gemm {
namespace {

constexpr int64_t kTaskTiles = 4;  // of output channels

// The pixel of a plane that a tap reads for an output pixel; -1: outside.
int64_t PixelRead(const Conv& conv, const Tap& tap, int64_t pixel) {
  const int64_t y = pixel / conv.out_width * conv.stride + tap.dy,
                x = pixel % conv.out_width * conv.stride + tap.dx;
  return y < 0 || y >= conv.height || x < 0 || x >= conv.width ? -1 : y * conv.width + x;
}

// One block of k of the rows, in the order of PackRows.
void GatherRows(const Conv& conv, const float* x, int64_t rows, int64_t pixels, int64_t k_begin,
                int64_t k_end, float* packed) {
  const int64_t plane = conv.height * conv.width;
  const Panels panels(rows);
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t first = panels.Begin(p), count = panels.Rows(p);
    int64_t offset[Conv::kMaxTaps][kMaxRows];
    for (int t = 0; t < conv.taps; ++t) {
      for (int64_t r = 0; r < count; ++r) {
        const int64_t at = PixelRead(conv, conv.tap[t], (first + r) % pixels);
        offset[t][r] = at < 0 ? -1 : (first + r) / pixels * conv.in_channels * plane + at;
      }
    }
    int64_t channel = k_begin / conv.taps, tap = k_begin % conv.taps;
    for (int64_t k = k_begin; k < k_end; ++k) {
      for (int64_t r = 0; r < count; ++r) {
        *packed++ = offset[tap][r] < 0 ? 0.0f : x[channel * plane + offset[tap][r]];
      }
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
  return RoundUp(rows * conv.in_channels * conv.taps, kTile) + threads * rows * kTaskTiles * kTile;
}

void ConvolveFewPixels(const Conv& conv, const float* packed, const float* x, int64_t batch, int64_t pixels,
                       ThreadPool* threads, float* scratch, const Sink& sink) {
  const int64_t rows = batch * pixels, depth = conv.in_channels * conv.taps;
  threads->ParallelFor(static_cast<int>((depth + kDepth - 1) / kDepth), [&](int block, int) {
    const int64_t begin = block * kDepth;
    GatherRows(conv, x, rows, pixels, begin, std::min(depth, begin + kDepth), scratch + begin * rows);
  });
  float* results = scratch + RoundUp(rows * depth, kTile);
  const int64_t tiles = RoundUp(conv.out_channels, kTile) / kTile;
  threads->ParallelFor(static_cast<int>((tiles + kTaskTiles - 1) / kTaskTiles), [&](int task, int thread) {
    const int64_t tile = task * kTaskTiles, count = std::min(kTaskTiles, tiles - tile),
                  columns = count * kTile;
    float* sums = results + thread * rows * kTaskTiles * kTile;
    MultiplyRows(rows, depth, scratch, packed + tile * kTile * depth, count, sums);
    for (int64_t o = tile * kTile; o < std::min(conv.out_channels, tile * kTile + columns); ++o) {
      for (int64_t n = 0; n < batch; ++n) {
        float line[2 * kTile];
        for (int64_t p = 0; p < pixels; ++p) line[p] = sums[(n * pixels + p) * columns + o - tile * kTile];
        sink.take(sink.context, {.sample = n, .channel = o, .pixel = 0, .count = pixels, .sum = line});
      }
    }
  });
}

}  // namespace mien::gemm
