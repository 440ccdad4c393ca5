// 3x3 convolution of stride 2 and padding 1 with the weights of nested.h, of whole images without a style: a tile is
// 4x4 outputs, computed from 9x9 inputs. Along one axis, of the slots' sums M,
//   y[j] = (A^T M_pair)[j] + M_single[j]
// The driver is that of tiles.h, with sixteen tiles in a group.
#pragma once

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/conv/transformed.h"

namespace mien::gemm {

struct NestedDown : TransformedForm, WholeImages {
  static bool IsFaster(const ConvShape& conv);
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

}  // namespace mien::gemm
