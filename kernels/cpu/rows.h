// Rows times a weight matrix, y[r][m] = sum_k x[r][k] w[m][k], for few rows: the weights are read once, from
// memory in the worst case, while the rows stay in cache. The weights lie in tiles of 16 features, [k][16].
// An element is one chain of fused multiply-adds over each block of 256 k, from zero; the blocks are added in
// order.
#pragma once

#include "kernels/cpu/gemm.h"

namespace mien::gemm {

inline int64_t PackedFeaturesFloats(int64_t features, int64_t depth) {
  return RoundUp(features, kTile) * depth;
}
// Tile after tile; element (m, k) is get(m, k), features past the end are zeros.
template <class Get>
void PackFeatures(int64_t features, int64_t depth, const Get& get, float* packed) {
  for (int64_t tile = 0; tile * kTile < features; ++tile) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < kTile; ++j) {
        const int64_t m = tile * kTile + j;
        *packed++ = m < features ? get(m, k) : 0.0f;
      }
    }
  }
}

struct RowsTile {
  int64_t rows, depth;
  const float* x;
  int64_t x_stride;  // floats from row to row
  const float* tile;
  const float* next;  // the tile that will be wanted after this one, fetched in time
  float* y;           // the sixteen features of the first row
  int64_t y_stride;
};
void MultiplyRows(const RowsTile& t);

}  // namespace mien::gemm
