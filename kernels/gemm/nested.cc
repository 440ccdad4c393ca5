#include "kernels/gemm/nested.h"

namespace mien::gemm {
namespace {

// G, from the points and the taps.
struct WeightTransform {
  double g[kNestedSideWeights][3] = {};

  explicit WeightTransform(const NestedTaps& taps) {
    constexpr double kPoints[] = {0.0, kNestedA, -kNestedA, kNestedB};
    for (int p = 0; p < 4; ++p) {
      double scale = 1.0;
      for (int q = 0; q < 4; ++q) scale *= p == q ? 1.0 : kPoints[p] - kPoints[q];
      g[p][taps.first] = 1.0 / scale;
      g[p][taps.second] = kPoints[p] / scale;
    }
    g[kAtInfinity][taps.second] = 1.0;
    g[kSingle][taps.single] = 1.0;
  }

  // U of one pair of channels.
  void Apply(const float* w, double gain, float* u) const {
    for (const auto& row : g) {
      double half[3];
      for (int x = 0; x < 3; ++x) half[x] = gain * (row[0] * w[x] + row[1] * w[3 + x] + row[2] * w[6 + x]);
      for (const auto& column : g) {
        *u++ = static_cast<float>(column[0] * half[0] + column[1] * half[1] + column[2] * half[2]);
      }
    }
  }
};

}  // namespace

void PackNested(int64_t in_channels, int64_t out_channels, const float* weight, float gain,
                const NestedTaps& taps, float* packed) {
  const NestedBlocks blocks(out_channels);
  const WeightTransform transform(taps);
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t weight_floats = blocks.Rows(block) * in_channels;
    for (int64_t k = 0; k < in_channels; k += kDepth) {
      for (int64_t p = blocks.Panel(block); p < blocks.Panel(block + 1); ++p) {
        for (int64_t i = k; i < std::min(in_channels, k + kDepth); ++i) {
          for (int64_t o = blocks.panels.Begin(p); o < blocks.panels.Begin(p + 1); ++o) {
            float u[kNestedWeights];
            transform.Apply(weight + (o * in_channels + i) * 9, gain, u);
            for (int64_t f = 0; f < kNestedWeights; ++f) packed[f * weight_floats] = u[f];
            ++packed;
          }
        }
      }
    }
    packed += (kNestedWeights - 1) * weight_floats;
  }
}

void NestedProduct::Multiply(int64_t block, int64_t weight, const float* b, int64_t tiles, float* c,
                             int64_t c_stride, const float* next_b) const {
  const int64_t rows = blocks_.Rows(block);
  const float* u = packed_ + (kNestedWeights * blocks_.Row(block) + weight * rows) * in_channels_;
  for (int64_t k = 0; k < in_channels_; k += kDepth) {
    gemm::Multiply(blocks_.panels, {.depth = std::min(kDepth, in_channels_ - k),
                                    .a = u + k * rows,
                                    .panel_begin = blocks_.Panel(block),
                                    .panel_end = blocks_.Panel(block + 1),
                                    .b = b + k * kTile,
                                    .b_tile_stride = NestedSlotFloats(in_channels_),
                                    .tiles = tiles,
                                    .c = c,
                                    .c_stride = c_stride,
                                    .accumulate = k > 0,
                                    .next_b = k + kDepth < in_channels_ ? b + (k + kDepth) * kTile : next_b});
  }
}

}  // namespace mien::gemm
