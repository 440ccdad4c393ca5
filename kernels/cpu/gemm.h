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
  float* c;                       // the first row of panel_begin
  int64_t c_stride;               // floats from row to row
  bool accumulate;                // false: C is overwritten
  const float* next_b = nullptr;  // the tiles that will be wanted after these, fetched in time
};
void Multiply(const Panels& panels, const Block& block);

// The multiplications of the products on this thread so far, the empty columns of tiles included.
int64_t ExecutedProducts();
void NoteProducts(int64_t products);

}  // namespace mien::gemm
