// matmul on the CPU, on the product of kernels/cpu/gemm.h: spans of the sum, one after the other, of which b is packed
// by all threads together; then every thread packs and multiplies some rows of a.
#include <algorithm>

#include "kernels/cpu/gemm.h"
#include "kernels/infer.h"
#include "kernels/matmul/matmul.h"

namespace mien {
namespace {

using gemm::kDepth;
using gemm::kTile;

constexpr int64_t kSpan = 4 * kDepth;  // of k: b in the second or third level cache
constexpr int64_t kMostRows = 144;     // of a task: its panels of a stay in the second level cache

// How the matrices are cut. Every element of y is a chain over k in any of them.
struct Layout {
  int64_t tiles, rows, tasks, span;  // tiles of b; rows of a task; tasks of a span; k of a span

  Layout(const MatMul::Product& p, int threads) {
    tiles = (p.columns + kTile - 1) / kTile;
    rows = std::clamp<int64_t>((p.rows + threads - 1) / threads, 1, kMostRows);
    tasks = (p.rows + rows - 1) / rows;
    span = std::min(p.depth, kSpan);
  }
  int64_t PackedFloats() const { return tiles * kTile * span; }
  // Of a thread: panels of a, and the products where the last tile is not whole.
  int64_t ThreadFloats() const { return gemm::RoundUp(rows * kDepth, kTile) + rows * kTile; }
};

// One tile of b, of k in [begin, begin + depth): [k][16], zeros past the last column.
void PackTile(const MatMul::Product& p, const float* b, int64_t tile, int64_t begin, int64_t depth, float* packed) {
  const int64_t first = tile * kTile, count = std::min(kTile, p.columns - first);
  for (int64_t k = 0; k < depth; ++k) {
    const float* const from = b + (begin + k) * p.b_k + first * p.b_column;
    float* const to = packed + k * kTile;
    if (p.b_column == 1 && count == kTile) {
      std::copy_n(from, kTile, to);
    } else {
      for (int64_t j = 0; j < kTile; ++j) to[j] = j < count ? from[j * p.b_column] : 0.0f;
    }
  }
}

// Rows [first, first + panels.rows) of a, of k in [begin, begin + depth).
void PackPanels(const MatMul::Product& p, const float* a, const gemm::Panels& panels, int64_t first, int64_t begin,
                int64_t depth, float* packed) {
  for (int64_t panel = 0; panel < panels.count; ++panel) {
    const int64_t rows = panels.Rows(panel);
    const float* const from = a + (first + panels.Begin(panel)) * p.a_row + begin * p.a_k;
    float* const to = packed + panels.Begin(panel) * depth;
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t r = 0; r < rows; ++r) to[k * rows + r] = from[r * p.a_row + k * p.a_k];
    }
  }
}

// Some rows of y for the span [begin, end) of k. The last tile, where it is not whole, goes through `tail`.
void MultiplyRowsOfTask(const MatMul::Product& p, const CpuCall& call, const Layout& layout, int64_t first,
                        int64_t begin, int64_t end, float* thread) {
  const gemm::Panels panels(std::min(layout.rows, p.rows - first));
  float* const tail = thread + gemm::RoundUp(layout.rows * kDepth, kTile);
  const int64_t whole = p.columns / kTile, left = p.columns % kTile;
  float* const y = call.out[0].data + first * p.columns;
  for (int64_t k = begin; k < end; k += kDepth) {
    const int64_t depth = std::min(kDepth, end - k), tile_floats = (end - begin) * kTile;
    const bool accumulate = k > 0;
    PackPanels(p, call.in[MatMul::kA].data, panels, first, k, depth, thread);
    const float* const b = call.scratch + (k - begin) * kTile;
    gemm::Multiply(panels, {.depth = depth,
                            .a = thread,
                            .panel_begin = 0,
                            .panel_end = panels.count,
                            .b = b,
                            .b_tile_stride = tile_floats,
                            .tiles = whole,
                            .c = y,
                            .c_stride = p.columns,
                            .accumulate = accumulate});
    if (left == 0) continue;
    float* const last = y + whole * kTile;
    for (int64_t r = 0; r < panels.rows && accumulate; ++r) std::copy_n(last + r * p.columns, left, tail + r * kTile);
    gemm::Multiply(panels, {.depth = depth,
                            .a = thread,
                            .panel_begin = 0,
                            .panel_end = panels.count,
                            .b = b + whole * tile_floats,
                            .b_tile_stride = tile_floats,
                            .tiles = 1,
                            .c = tail,
                            .c_stride = kTile,
                            .accumulate = accumulate});
    for (int64_t r = 0; r < panels.rows; ++r) std::copy_n(tail + r * kTile, left, last + r * p.columns);
  }
}

}  // namespace

Cost MatMul::Count(const Params& params, Shapes in) {
  const Product p(params, in[kA], in[kB]);
  Cost cost = CostOf<MatMul>(params, in, p.rows * p.depth * p.columns);
  cost.products = p.rows * p.depth * gemm::RoundUp(p.columns, kTile);
  return cost;
}

int64_t MatMul::ScratchFloats(const Params& params, Shapes in, int threads) {
  const Layout layout(Product(params, in[kA], in[kB]), threads);
  return layout.PackedFloats() + threads * layout.ThreadFloats();
}

void MatMul::Cpu(const Params& params, const CpuCall& call) {
  const Product p(params, call.in[kA].shape, call.in[kB].shape);
  const Layout layout(p, call.threads->threads());
  for (int64_t begin = 0; begin < p.depth; begin += layout.span) {
    const int64_t end = std::min(p.depth, begin + layout.span);
    call.threads->ParallelFor(static_cast<int>(layout.tiles), [&](int tile, int) {
      PackTile(p, call.in[kB].data, tile, begin, end - begin, call.scratch + tile * kTile * (end - begin));
    });
    call.threads->ParallelFor(static_cast<int>(layout.tasks), [&](int task, int thread) {
      MultiplyRowsOfTask(p, call, layout, task * layout.rows, begin, end,
                         call.scratch + layout.PackedFloats() + thread * layout.ThreadFloats());
    });
  }
}

}  // namespace mien
