#include "kernels/cpu/conv/transformed.h"

namespace mien::gemm {
namespace {

// The weight [O,I,3,3] times gain as [tap][block of k][panel][k][row]: each tap is an A of Multiply (gemm.h).
// Panels [begin, end), taps `stride` floats apart.
void PackTaps(const Panels& panels, int64_t begin, int64_t end, int64_t in_channels, const float* weight,
              float gain, float* taps, int64_t stride) {
  for (int64_t k = 0; k < in_channels; k += kDepth) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t i = k; i < std::min(in_channels, k + kDepth); ++i) {
        for (int64_t o = panels.Begin(p); o < panels.Begin(p + 1); ++o) {
          const float* kernel = weight + (o * in_channels + i) * kTaps;
          for (int64_t t = 0; t < kTaps; ++t) taps[t * stride] = gain * kernel[t];
          ++taps;
        }
      }
    }
  }
}

}  // namespace

void TransformedWeights::Pack(const float* weight, float gain, float* packed) const {
  const Panels& panels = blocks_.panels;
  if (on_the_fly_)
    return PackTaps(panels, 0, panels.count, in_channels_, weight, gain, packed,
                    PlaneStride(panels.rows * in_channels_));
  for (int64_t b = 0; b < blocks_.count; ++b) {
    const int64_t plane = blocks_.Rows(b) * in_channels_;
    float *u = packed + kTransformed * blocks_.Row(b) * in_channels_,
          *taps = u + (kTransformed - kTaps) * plane;
    PackTaps(panels, blocks_.Panel(b), blocks_.Panel(b + 1), in_channels_, weight, gain, taps, plane);
    transform_(taps, plane, plane, u, plane);
  }
}

BlockWeights TransformedWeights::Of(int64_t block, float* memory) const {
  const int64_t row = blocks_.Row(block), rows = blocks_.Rows(block), stride = Stride(rows);
  if (!on_the_fly_) return {packed_ + kTransformed * row * in_channels_, stride};
  const int64_t plane = PlaneStride(blocks_.panels.rows * in_channels_);
  for (int64_t k = 0; k < in_channels_; k += kDepth) {
    const int64_t depth = std::min(kDepth, in_channels_ - k);
    transform_(packed_ + k * blocks_.panels.rows + row * depth, plane, rows * depth, memory + k * rows,
               stride);
  }
  return {memory, stride};
}

const float* TransformedWeights::Tap(int64_t block, int64_t tap, int64_t weight, int64_t k) const {
  const int64_t row = blocks_.Row(block), rows = blocks_.Rows(block), all = blocks_.panels.rows;
  if (on_the_fly_)
    return packed_ + tap * PlaneStride(all * in_channels_) + k * all +
           row * std::min(kDepth, in_channels_ - k);
  return packed_ + (kTransformed * row + weight * rows) * in_channels_ + k * rows;
}

}  // namespace mien::gemm
