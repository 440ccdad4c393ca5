#include "kernels/gemm/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm/winograd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/gemm/apart-inl.h"

#ifndef MIEN_KERNELS_GEMM_WINOGRAD_TYPES
#define MIEN_KERNELS_GEMM_WINOGRAD_TYPES
namespace mien::gemm {

constexpr int kSide = 6;              // of a transformed tile
constexpr int64_t kMostTiles = 4;     // of the product, sixteen columns each: the most in a group
constexpr int64_t kBlockPanels = 16;  // of the output channels whose sums are made at a time

// Powers of the points; all of them are exact in fp32, and this choice has the least error of those tried: a
// third of that of the usual points 1 and 2.
constexpr float kA = 0.625f, kA2 = kA * kA, kA3 = kA2 * kA;
constexpr float kB = 1.5f, kB2 = kB * kB, kB3 = kB2 * kB;

// At most sixteen tiles that follow each other in one row of tiles of one sample.
struct TileRun {
  const float* x;      // the sample
  const float* style;  // of the sample, or null
  int64_t sample, row, column, count;
  int64_t target;  // the first tile's column in the group
};

struct Group {
  int64_t columns = 0;  // multiple of kTile
  int64_t plane = 0;    // floats from channel to channel of x
  int runs = 0;
  TileRun run[kMostTiles * kTile];
};

constexpr int64_t DepthStride(int64_t in_channels) { return (in_channels + 1) * kTile; }

// Where V and M of a group lie. The gaps keep the positions out of each other's cache sets.
struct Layout {
  int64_t v_tile, v_position, m_row, m_position;
  Layout(int64_t in_channels, int64_t block_rows, int64_t columns)
      : v_tile(DepthStride(in_channels)),
        v_position(columns / kTile * v_tile),
        m_row(columns),
        m_position(block_rows * columns + kTile) {}
};

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// B^T along one axis.
HWY_INLINE void TransformInput(V d0, V d1, V d2, V d3, V d4, V d5, V* HWY_RESTRICT out) {
  const D d;
  const V minus_sum = hn::Set(d, -(kA2 + kB2)), product = hn::Set(d, kA2 * kB2);
  out[0] = hn::MulAdd(product, d0, hn::MulAdd(minus_sum, d2, d4));
  const V a_even = hn::NegMulAdd(hn::Set(d, kB2), d2, d4), a_odd = hn::NegMulAdd(hn::Set(d, kB2), d1, d3);
  out[1] = hn::MulAdd(hn::Set(d, kA), a_odd, a_even);
  out[2] = hn::NegMulAdd(hn::Set(d, kA), a_odd, a_even);
  const V b_even = hn::NegMulAdd(hn::Set(d, kA2), d2, d4), b_odd = hn::NegMulAdd(hn::Set(d, kA2), d1, d3);
  out[3] = hn::MulAdd(hn::Set(d, kB), b_odd, b_even);
  out[4] = hn::NegMulAdd(hn::Set(d, kB), b_odd, b_even);
  out[5] = hn::MulAdd(product, d1, hn::MulAdd(minus_sum, d3, d5));
}

// A^T along one axis.
HWY_INLINE void TransformOutput(const V* HWY_RESTRICT m, V* HWY_RESTRICT out) {
  const D d;
  const V a_sum = hn::Add(m[1], m[2]), a_difference = hn::Sub(m[1], m[2]);
  const V b_sum = hn::Add(m[3], m[4]), b_difference = hn::Sub(m[3], m[4]);
  out[0] = hn::Add(m[0], hn::Add(a_sum, b_sum));
  out[1] = hn::MulAdd(hn::Set(d, kB), b_difference, hn::Mul(hn::Set(d, kA), a_difference));
  out[2] = hn::MulAdd(hn::Set(d, kB2), b_sum, hn::Mul(hn::Set(d, kA2), a_sum));
  out[3] = hn::MulAdd(hn::Set(d, kB3), b_difference, hn::MulAdd(hn::Set(d, kA3), a_difference, m[5]));
}

// V of one run of one channel: along the rows of the image, then along the columns.
class InputRun {
 public:
  void Transform(const Winograd& conv, const TileRun& run, const float* plane, float style,
                 float* HWY_RESTRICT out, int64_t position_stride) {
    const int64_t y = run.row * kWinogradTile - 1, first = run.column * kWinogradTile;
    for (int r = 0; r < kSide; ++r) rows_[r].Begin(plane, conv.height, conv.width, y + r, first, run.count);
    for (int64_t t = 0; t < run.count; t += kLanes) TransformTiles(t, style, out + t, position_stride);
  }

 private:
  void TransformTiles(int64_t t, float style, float* HWY_RESTRICT out, int64_t position_stride) const {
    const D d;
    V rows[kSide][kSide];
    for (int r = 0; r < kSide; ++r) {
      V pixel[kSide];
      rows_[r].Load(t, style, pixel);
      TransformInput(pixel[0], pixel[1], pixel[2], pixel[3], pixel[4], pixel[5], rows[r]);
    }
    for (int c = 0; c < kSide; ++c) {
      V v[kSide];
      TransformInput(rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c], rows[5][c], v);
      for (int r = 0; r < kSide; ++r) hn::StoreU(v[r], d, out + (r * kSide + c) * position_stride);
    }
  }

  ApartRow rows_[kSide];
};

// V of the group, every input channel.
void TransformInputs(const Winograd& conv, const Group& group, const Layout& layout, float* v) {
  constexpr int64_t kAhead = 2;  // channels: planes lie too far apart for the hardware to see the pattern
  InputRun input;
  for (int64_t i = 0; i < conv.in_channels; ++i) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      float* target = v + run.target / kTile * layout.v_tile + i * kTile + run.target % kTile;
      if (i + kAhead < conv.in_channels) {
        PrefetchRows(run.x + (i + kAhead) * group.plane, conv.height, conv.width, run.row * kWinogradTile - 1,
                     (run.row + 1) * kWinogradTile + 1, run.column * kWinogradTile, run.count);
      }
      input.Transform(conv, run, run.x + i * group.plane, run.style != nullptr ? run.style[i] : 1.0f, target,
                      layout.v_position);
    }
  }
}

// y of one run of one channel, four rows of pixels.
HWY_INLINE void OutputRun(const float* HWY_RESTRICT m, int64_t position_stride, int64_t count,
                          float* HWY_RESTRICT y, int64_t stride) {
  const D d;
  for (int64_t t = 0; t < count; t += kLanes) {
    V half[kWinogradTile][kSide];
    for (int c = 0; c < kSide; ++c) {
      V column[kSide], out[kWinogradTile];
      for (int r = 0; r < kSide; ++r) column[r] = hn::LoadU(d, m + (r * kSide + c) * position_stride + t);
      TransformOutput(column, out);
      for (int r = 0; r < kWinogradTile; ++r) half[r][c] = out[r];
    }
    for (int r = 0; r < kWinogradTile; ++r) {
      V out[kWinogradTile];
      TransformOutput(half[r], out);
      hn::StoreInterleaved4(out[0], out[1], out[2], out[3], d, y + r * stride + kWinogradTile * t);
    }
  }
}

// Channels [begin, end) of the group, whose sums M holds.
void TransformOutputs(const Winograd& conv, const Group& group, const Layout& layout, const float* m,
                      int64_t begin, int64_t end, const Sink& sink) {
  constexpr int64_t kLine = kWinogradTile * kTile;
  alignas(64) float lines[kWinogradTile][kLine];
  for (int64_t o = begin; o < end; ++o) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      OutputRun(m + (o - begin) * layout.m_row + run.target, layout.m_position, run.count, lines[0], kLine);
      const int64_t y = run.row * kWinogradTile, x = run.column * kWinogradTile;
      sink.take(sink.context, {.sample = run.sample,
                               .channel = o,
                               .pixel = y * conv.width + x,
                               .rows = std::min(kWinogradTile, conv.height - y),
                               .count = std::min(run.count * kWinogradTile, conv.width - x),
                               .sum = lines[0],
                               .stride = kLine});
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformInputs);
HWY_EXPORT(TransformOutputs);

namespace {

// Of V: 768 KiB, three quarters of a second-level cache; but with fewer than 32 columns the weights, which
// are read once per group, would be what limits.
constexpr int64_t kGroupFloats = int64_t{3} << 16;
constexpr int64_t kLeastTiles = 2;

// How the work is cut; no cut changes an element's arithmetic.
struct Plan {
  int64_t blocks;                    // of output channels
  int64_t sample_tiles, first_tile;  // of the rows, in each sample
  int64_t tiles;                     // of the batch
  int64_t columns;                   // tiles of a group
  int64_t groups, splits;            // tasks: groups times parts of the blocks, each with V of its own
  Plan(const Winograd& conv, int64_t batch, RowRange rows, int64_t threads) {
    const int64_t panels = Panels(conv.out_channels).count;
    blocks = (panels + kBlockPanels - 1) / kBlockPanels;
    const int64_t row_begin = rows.begin / kWinogradTile;
    first_tile = row_begin * conv.TileColumns();
    sample_tiles = ((rows.end + kWinogradTile - 1) / kWinogradTile - row_begin) * conv.TileColumns();
    tiles = batch * sample_tiles;
    const int64_t sixteens = (tiles + kTile - 1) / kTile;
    const int64_t fitting = kGroupFloats / (kWinogradPositions * DepthStride(conv.in_channels));
    const int64_t best = std::clamp(fitting, kLeastTiles, kMostTiles);
    columns = kTile * std::clamp<int64_t>(sixteens / threads, 1, best);
    groups = (tiles + columns - 1) / columns;
    splits = 1;
    while (splits < blocks && groups * splits < 4 * threads && groups * splits % threads != 0) ++splits;
  }
};

int64_t BlockRows(const Panels& panels) {
  const int64_t end = std::min(kBlockPanels, panels.count);
  return panels.Begin(end);
}

Group GroupAt(const Winograd& conv, const Plan& plan, int64_t index, const View<const float>& x,
              const float* style) {
  Group group;
  group.plane = x.Plane();
  const int64_t begin = index * plan.columns, end = std::min(plan.tiles, begin + plan.columns);
  group.columns = RoundUp(end - begin, kTile);
  for (int64_t t = begin; t < end; t += group.run[group.runs++].count) {
    const int64_t n = t / plan.sample_tiles, tile = plan.first_tile + t % plan.sample_tiles;
    const int64_t target = t - begin;
    const int64_t column = tile % conv.TileColumns();
    const int64_t count = std::min({end - t, conv.TileColumns() - column, kTile - target % kTile});
    group.run[group.runs] = {x.data + n * conv.in_channels * group.plane,
                             style != nullptr ? style + n * conv.in_channels : nullptr,
                             n,
                             tile / conv.TileColumns(),
                             column,
                             count,
                             target};
  }
  return group;
}

// M of the panels of one block.
void MultiplyPositions(const Winograd& conv, const Panels& panels, int64_t panel_begin, int64_t panel_end,
                       const Layout& layout, const float* u, const float* v, int64_t columns, float* m) {
  const int64_t rows = panels.Begin(panel_end) - panels.Begin(panel_begin);
  for (int64_t f = 0; f < kWinogradPositions; ++f) {
    for (int64_t k = 0; k < conv.in_channels; k += kDepth) {
      const int64_t depth = std::min(kDepth, conv.in_channels - k);
      const bool last = k + depth == conv.in_channels;
      const int64_t next_position = (f + (last ? 1 : 0)) % kWinogradPositions;
      const float* next = v + next_position * layout.v_position + (last ? 0 : (k + depth) * kTile);
      Multiply(panels, {.depth = depth,
                        .a = u,
                        .panel_begin = panel_begin,
                        .panel_end = panel_end,
                        .b = v + f * layout.v_position + k * kTile,
                        .b_tile_stride = layout.v_tile,
                        .tiles = columns / kTile,
                        .c = m + f * layout.m_position,
                        .c_stride = layout.m_row,
                        .accumulate = k > 0,
                        .next_b = next});
      u += rows * depth;
    }
  }
}

// G, from the points.
struct WeightTransform {
  double g[kSide][3] = {};

  WeightTransform() {
    constexpr double kPoints[] = {0.0, kA, -kA, kB, -kB};
    for (int p = 0; p < kSide - 1; ++p) {
      double scale = 1.0;
      for (int q = 0; q < kSide - 1; ++q) scale *= p == q ? 1.0 : kPoints[p] - kPoints[q];
      g[p][0] = 1.0 / scale;
      g[p][1] = kPoints[p] / scale;
      g[p][2] = kPoints[p] * kPoints[p] / scale;
    }
    g[kSide - 1][2] = 1.0;  // infinity
  }

  // U of one pair of channels.
  void Apply(const float* w, double gain, float* u) const {
    for (int r = 0; r < kSide; ++r) {
      double row[3];
      for (int x = 0; x < 3; ++x) row[x] = gain * (g[r][0] * w[x] + g[r][1] * w[3 + x] + g[r][2] * w[6 + x]);
      for (int c = 0; c < kSide; ++c) {
        *u++ = static_cast<float>(g[c][0] * row[0] + g[c][1] * row[1] + g[c][2] * row[2]);
      }
    }
  }
};

}  // namespace

void PackWinograd(int64_t in_channels, int64_t out_channels, const float* weight, float gain, float* packed) {
  const Panels panels(out_channels);
  const WeightTransform transform;
  for (int64_t first = 0; first < panels.count; first += kBlockPanels) {
    const int64_t last = std::min(panels.count, first + kBlockPanels);
    const int64_t rows = panels.Begin(last) - panels.Begin(first), position = rows * in_channels;
    for (int64_t k = 0; k < in_channels; k += kDepth) {
      const int64_t depth = std::min(kDepth, in_channels - k);
      for (int64_t p = first; p < last; ++p) {
        for (int64_t i = k; i < k + depth; ++i) {
          for (int64_t o = panels.Begin(p); o < panels.Begin(p + 1); ++o) {
            float u[kWinogradPositions];
            transform.Apply(weight + (o * in_channels + i) * 9, gain, u);
            for (int64_t f = 0; f < kWinogradPositions; ++f) packed[f * position] = u[f];
            ++packed;
          }
        }
      }
    }
    packed += (kWinogradPositions - 1) * position;
  }
}

int64_t WinogradThreadFloats(const Winograd& conv, int64_t batch, int64_t threads) {
  const Plan plan(conv, batch, {0, conv.height}, threads);
  const Layout layout(conv.in_channels, BlockRows(Panels(conv.out_channels)), plan.columns);
  return kWinogradPositions * (layout.v_position + layout.m_position);
}

RowRange WinogradRowsRead(const Winograd& conv, RowRange rows) {
  return {std::max<int64_t>(0, rows.begin - 1), std::min(conv.height, RoundUp(rows.end, kWinogradTile) + 1)};
}

void ConvolveWinograd(const Winograd& conv, const float* packed, const View<const float>& x,
                      const float* style, RowRange rows, ThreadPool* threads, float* scratch,
                      const Sink& sink) {
  const Plan plan(conv, x.shape[0], rows, threads->threads());
  const Panels panels(conv.out_channels);
  const Layout layout(conv.in_channels, BlockRows(panels), plan.columns);
  const int64_t thread_floats = kWinogradPositions * (layout.v_position + layout.m_position);
  threads->ParallelFor(static_cast<int>(plan.groups * plan.splits), [&](int task, int thread) {
    const int64_t split = task / plan.groups;
    const Group group = GroupAt(conv, plan, task % plan.groups, x, style);
    float* v = scratch + thread * thread_floats;
    float* m = v + kWinogradPositions * layout.v_position;
    HWY_DYNAMIC_DISPATCH(TransformInputs)(conv, group, layout, v);
    for (int64_t b = plan.blocks * split / plan.splits; b < plan.blocks * (split + 1) / plan.splits; ++b) {
      const int64_t first = b * kBlockPanels, last = std::min(panels.count, first + kBlockPanels);
      const float* u = packed + kWinogradPositions * conv.in_channels * panels.Begin(first);
      MultiplyPositions(conv, panels, first, last, layout, u, v, group.columns, m);
      HWY_DYNAMIC_DISPATCH(TransformOutputs)
      (conv, group, layout, m, panels.Begin(first), panels.Begin(last), sink);
    }
  });
}

}  // namespace mien::gemm
#endif
