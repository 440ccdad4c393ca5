// The transposed convolution of stride 2 and the filter behind it with the weights of nested.h: t, the result of the
// transposed convolution, is made in tiles of 8x8 from 4x4 pixels of x. A task takes a band of rows for some of the
// output channels, from top to bottom and from left to right, sixteen tiles at a time: their V, then for each block of
// channels M, and for each channel a window of t that is filtered and handed on while it is in the first-level cache.
// Tasks that take different channels of one band make V together, for a chunk of groups at a time; weights on the fly
// are transformed once per chunk. The filter reads a pixel of t to the left and two to the right, one row above and
// two below: so a window's outputs lag by a pair of pixels and of rows, three columns are kept from window to window,
// and three rows from one row of tiles to the next. The last row and column of t, of even number 2H and 2W, lie in no
// tile where four divides H or W: they need the bare taps at the edge.
#pragma once

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/conv/transformed.h"

namespace mien::gemm {

struct NestedUp : TransformedForm {
  static bool IsFaster(const ConvShape& conv);
  static void Pack(const ConvShape& conv, const float* weight, float gain, float* packed);
  static int64_t ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges);
  static RowGrid Rows(const ConvShape& conv);
  static RowRange RowsRead(const ConvShape& conv, RowRange rows);
  static int64_t KeptRowsFloats(const ConvShape& conv, int64_t batch);
  static int64_t Products(const ConvShape& conv, int64_t batch);
  static void Run(const ConvShape& conv, const ConvCall& call);
};

}  // namespace mien::gemm
