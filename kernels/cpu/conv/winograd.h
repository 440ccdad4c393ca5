// 3x3 convolution of stride 1 and padding 1 by Winograd's F(4x4,3x3) (arXiv:1509.09308): a quarter of the direct
// form's multiplications. A tile is 4x4 outputs, computed from 6x6 inputs; with the points 0, +-5/8, +-3/2 and
// infinity along either axis
//   U = G w G^T,  V = B^T (style * x) B,  M_f[o][tile] = sum_i U_f[o][i] V_f[i][tile],  y = A^T M A
// where f is one of the 36 positions. The driver is that of tiles.h.
#pragma once

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/conv/transformed.h"

namespace mien::gemm {

struct Winograd : TransformedForm, NoKeptRows {
  static bool IsFaster(const ConvShape& conv);
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static RowGrid Rows(const ConvShape& conv);
  static RowRange RowsRead(const ConvShape& conv, RowRange rows);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

}  // namespace mien::gemm
