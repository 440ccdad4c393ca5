// The 4x4 filter behind the transposed convolution, as it is packed: by rows and by columns where the stored
// filter is an outer product, which takes 8 multiplications per pixel, otherwise as it is, which takes 16.
#pragma once

#include <cstdint>

namespace mien::gemm {

// A row of t: even[x] is column 2x, odd[x] is column 2x - 1, for the pixels 2x and 2x + 1 of the output.
// Readable for a vector past the end.
struct SplitRow {
  const float *even, *odd;
};

// Flipped and times its gain.
struct Fir {
  static constexpr int64_t kFloats = 32;  // packed, a multiple of sixteen
  float down[4], across[4];               // whole[a][b] = down[a] across[b]
  float whole[4][4];
  float separable;  // 1 or 0
};
static_assert(sizeof(Fir) <= Fir::kFloats * sizeof(float));

void PackFir(const float* filter, float gain, float* packed);
Fir UnpackFir(const float* packed);

}  // namespace mien::gemm
