// Convolution to few output pixels, with the roles of conv.h changed: output channels are the columns, so
// that none of a tile is empty, and the pixels of all samples are the rows. The weight, which is what such a
// layer costs, is read once. At most sixteen pixels per sample; taps that meet nothing but padding should
// have been left out.
#pragma once

#include <cstdint>

#include "kernels/cpu/conv/conv.h"
#include "kernels/cpu/rows.h"

namespace mien::gemm {

// The weight [O,I,elements] as features (rows.h).
inline int64_t PackedFewPixelsFloats(const Conv& conv) {
  return PackedFeaturesFloats(conv.out_channels, conv.in_channels * conv.taps);
}
void PackFewPixels(const Conv& conv, const float* weight, int64_t elements, float* packed);

// x [N,I,H,W]; `pixels` outputs per sample.
int64_t FewPixelsScratchFloats(const Conv& conv, int64_t batch, int64_t pixels, int64_t threads);
void ConvolveFewPixels(const Conv& conv, const float* packed, const float* x, int64_t batch, int64_t pixels,
                       ThreadPool* threads, float* scratch, const Sink& sink);

}  // namespace mien::gemm
