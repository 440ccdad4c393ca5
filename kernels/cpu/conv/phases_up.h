// The transposed convolution of stride 2 and the filter behind it, FIR(conv_transpose(x, w)), as four small
// convolutions: t [2H+1,2W+1] falls into phases by the parity of row and column, with 2x2, 2x1, 1x2 and 1x1 taps of
// the 3x3 kernel; no multiplication meets a stuffed zero. A task computes a band of rows for a block of channels from
// top to bottom and keeps only a ring of t's rows, even and odd columns apart, from which each pair of output rows is
// filtered as soon as its five rows of t are there.
#pragma once

#include "kernels/cpu/conv/form.h"

namespace mien::gemm {

struct PhasesUp : PacksTaps, NoKeptRows {
  static int64_t PackedFloats(const ConvShape& conv) { return conv.Weights(); }  // one phase after the other
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static RowGrid Rows(const ConvShape&) { return {2, 0}; }
  static RowRange RowsRead(const ConvShape& conv, RowRange rows);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

}  // namespace mien::gemm
