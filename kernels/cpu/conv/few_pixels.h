// Convolution to few output pixels, with the roles of direct.h changed: output channels are the columns, so that none
// of a tile is empty, and the pixels of all samples are the rows. The weight, which is what such a layer costs, is
// read once. At most sixteen pixels per sample; taps that meet nothing but padding are left out.
#pragma once

#include "kernels/cpu/conv/form.h"

namespace mien::gemm {

struct FewPixels : WholeImages {
  static bool IsFaster(const ConvShape& conv);
  static int64_t PackedFloats(const ConvShape& conv);  // as features (rows.h)
  static ConvShape Packing(const ConvShape& conv) {  // which taps meet an image
    ConvShape packing = conv;
    packing.on_the_fly = false;
    return packing;
  }
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

}  // namespace mien::gemm
