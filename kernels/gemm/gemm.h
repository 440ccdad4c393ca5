// The one matrix product under the convolutions and the linear layers:
//   C[r][16 t + j] (+)= sum_k A[k][r] B[t][k][j]
// A is packed in panels of at most six rows, [panel][k][rows of the panel]; B in tiles of 16 columns,
// [tile][k][16]. Every element of C is one chain of fused multiply-adds over k from zero, then one addition
// to C, wherever in the matrix it sits; the callers cut k into blocks of at most kDepth, which keeps the
// chains short and the tiles in the first-level cache.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mien::gemm {

constexpr int64_t kMaxRows = 6;
constexpr int64_t kTile = 16;
constexpr int64_t kDepth = 256;

constexpr int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// `rows` cut into the fewest panels, as evenly as can be: 32 rows are 6+6+5+5+5+5, with no row of padding.
struct Panels {
  int64_t rows = 0, count = 0;
  int64_t least = 0, larger = 0;  // rows of a panel; the first panels that have one more
  explicit Panels(int64_t row_count)
      : rows(row_count),
        count((row_count + kMaxRows - 1) / kMaxRows),
        least(rows / count),
        larger(rows % count) {}
  int64_t Begin(int64_t panel) const { return panel * least + std::min(panel, larger); }
  int64_t Rows(int64_t panel) const { return least + (panel < larger); }
};

struct Block {
  int64_t depth;   // of this block of k
  const float* a;  // the first of the panels, which follow each other
  int64_t panel_begin, panel_end;
  const float* b;
  int64_t b_tile_stride;  // floats from tile to tile
  int64_t tiles;
  float* c;          // the first row of panel_begin
  int64_t c_stride;  // floats from row to row
  bool accumulate;   // false: C is overwritten
};
void Multiply(const Panels& panels, const Block& block);

// What Multiply has multiplied on this thread so far, the empty columns of tiles included.
int64_t ExecutedProducts();

// Rows times a weight matrix, y[r][m] = sum_k x[r][k] w[m][k]: the weight is B, sixteen features a tile.
int64_t PackedFeaturesFloats(int64_t features, int64_t depth);
// Element (m, k) is get(m, k); features past the end are zeros.
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
// Rows as A: [block of k][panel][k][row], element (r, k) is get(r, k).
template <class Get>
void PackRows(int64_t rows, int64_t depth, const Get& get, float* packed) {
  const Panels panels(rows);
  for (int64_t begin = 0; begin < depth; begin += kDepth) {
    for (int64_t p = 0; p < panels.count; ++p) {
      for (int64_t k = begin; k < std::min(depth, begin + kDepth); ++k) {
        for (int64_t r = panels.Begin(p); r < panels.Begin(p + 1); ++r) *packed++ = get(r, k);
      }
    }
  }
}
// C[rows][tiles * 16] for `tiles` tiles of packed features from `features_packed`.
void MultiplyRows(int64_t rows, int64_t depth, const float* rows_packed, const float* features_packed,
                  int64_t tiles, float* c);

}  // namespace mien::gemm
