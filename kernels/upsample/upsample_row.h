// One row of an image upsampled by two, for the CPU kernels of upsample and to_rgb. Per axis only two of the
// four taps meet a pixel that is not a stuffed zero: out[2i] = f3 x[i-1] + f1 x[i], out[2i+1] = f2 x[i] + f0
// x[i+1].
#pragma once

#include <cstdint>

namespace mien {

// Row `row` of the 2H x 2W result, added to y when `add`. x is one plane [H,W]; filter 4x4 as stored.
void UpsampleRow(const float* x, int64_t height, int64_t width, const float* filter, float gain, int64_t row,
                 bool add, float* y);

}  // namespace mien
