// The proof kernels of the host runner, launched.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace mien::simt {

// out[2 b] = sum of in[b * length, (b + 1) * length), out[2 b + 1] = sum of the squares, for every block b.
Status RunBlockSum(const float* in, float* out, int blocks, int length, int threads);

// c [m,n] = a [m,k] b^T, b [n,k], halves in, floats out; k a multiple of 8.
Status RunGemmHalf(const uint16_t* a, const uint16_t* b, float* c, int m, int n, int k);

// c [16,8] = a [16,8] b [8,8] by one tf32 instruction.
Status RunMultiplyTf32(const float* a, const float* b, float* c);

}  // namespace mien::simt
