#include "kernels/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTile>;
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kVectors = static_cast<int>(kTile) / kLanes;  // of one tile
// Two tiles at a time where a tile is a single vector: six chains would not hide the latency of the
// multiply-add.
constexpr int kPair = kVectors == 1 ? 2 : 1;

// Prefetches to the second-level cache. A: kAheadFloats ahead, enough to cover the latency of memory. B: each panel
// prefetches its share of the next tiles.
constexpr int64_t kAheadFloats = 6144;
constexpr int64_t kFloatBytes = sizeof(float), kLineBytes = kTile * kFloatBytes;  // a tile has a line per k
struct NextTiles {
  const char* at;
  int64_t step;  // bytes per k, of each tile
};
HWY_INLINE void Prefetch(const void* at) { __builtin_prefetch(at, 0, 2); }

template <int kRows, int kTiles>
void Micro(int64_t depth, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t b_tile_stride,
           float* HWY_RESTRICT c, int64_t c_stride, bool accumulate, NextTiles next) {
  const D d;
  V sum[kRows][kTiles * kVectors];  // in registers only where every loop over it is unrolled
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(12)
    for (int v = 0; v < kTiles * kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Prefetch(a + kAheadFloats + k * kRows);
    for (int t = 0; t < kTiles; ++t) Prefetch(next.at + t * b_tile_stride * kFloatBytes + k * next.step);
    V column[kTiles * kVectors];
    HWY_UNROLL(12)
    for (int v = 0; v < kTiles * kVectors; ++v) {
      column[v] = hn::LoadU(d, b + (v / kVectors) * b_tile_stride + k * kTile + (v % kVectors) * kLanes);
    }
    HWY_UNROLL(12)
    for (int r = 0; r < kRows; ++r) {
      const V row = hn::Set(d, a[k * kRows + r]);
      HWY_UNROLL(12)
      for (int v = 0; v < kTiles * kVectors; ++v) sum[r][v] = hn::MulAdd(row, column[v], sum[r][v]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(12)
    for (int v = 0; v < kTiles * kVectors; ++v) {
      float* target = c + r * c_stride + v * kLanes;
      hn::StoreU(accumulate ? hn::Add(hn::LoadU(d, target), sum[r][v]) : sum[r][v], d, target);
    }
  }
}

using MicroFunction = void (*)(int64_t, const float*, const float*, int64_t, float*, int64_t, bool,
                               NextTiles);
template <int kTiles>
MicroFunction MicroFor(int64_t rows) {
  constexpr MicroFunction kByRows[] = {&Micro<1, kTiles>, &Micro<2, kTiles>, &Micro<3, kTiles>,
                                       &Micro<4, kTiles>, &Micro<5, kTiles>, &Micro<6, kTiles>};
  return kByRows[rows - 1];
}

// A tile of B stays in the first-level cache while a group of panels, which stays in the second-level cache,
// passes.
void MultiplyBlock(const Panels& panels, const Block& block) {
  constexpr int64_t kPanelGroup = 24;
  const int64_t first_row = panels.Begin(block.panel_begin);
  for (int64_t group = block.panel_begin; group < block.panel_end; group += kPanelGroup) {
    const int64_t group_end = std::min(group + kPanelGroup, block.panel_end);
    const float* after = group_end < block.panel_end || block.next_b == nullptr ? block.b : block.next_b;
    const int64_t step = (kLineBytes + group_end - group - 1) / (group_end - group);
    for (int64_t t = 0; t < block.tiles; t += kPair) {
      const bool pair = kPair == 2 && t + 1 < block.tiles;
      const float* b = block.b + t * block.b_tile_stride;
      const float* following = t + kPair < block.tiles ? b + kPair * block.b_tile_stride : after;
      for (int64_t p = group; p < group_end; ++p) {
        const int64_t row = panels.Begin(p) - first_row;
        const auto micro = pair ? MicroFor<kPair>(panels.Rows(p)) : MicroFor<1>(panels.Rows(p));
        micro(block.depth, block.a + row * block.depth, b, block.b_tile_stride,
              block.c + row * block.c_stride + t * kTile, block.c_stride, block.accumulate,
              {reinterpret_cast<const char*>(following) + (p - group) * block.depth * step, step});
      }
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(MultiplyBlock);

namespace {
// Initial-exec: it is there when the thread is, and never has to be made when there is no memory.
[[gnu::tls_model("initial-exec")]] thread_local int64_t executed_products = 0;
}  // namespace

int64_t ExecutedProducts() { return executed_products; }
void NoteProducts(int64_t products) { executed_products += products; }

void Multiply(const Panels& panels, const Block& block) {
  const int64_t rows = panels.Begin(block.panel_end) - panels.Begin(block.panel_begin);
  NoteProducts(rows * block.depth * block.tiles * kTile);
  HWY_DYNAMIC_DISPATCH(MultiplyBlock)(panels, block);
}

}  // namespace mien::gemm
#endif
