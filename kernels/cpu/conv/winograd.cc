#include "kernels/cpu/conv/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/winograd.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/deinterleave-inl.h"
#include "kernels/cpu/conv/transformed-inl.h"

#ifndef MIEN_KERNELS_GEMM_WINOGRAD_TYPES
#define MIEN_KERNELS_GEMM_WINOGRAD_TYPES
namespace mien::gemm {

constexpr int kSide = 6;           // of a transformed tile
constexpr int64_t kMostTiles = 4;  // of the product, sixteen columns each: the most in a group

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

// V of the group, input channels [begin, end).
void TransformInputs(const Winograd& conv, const Group& group, const Layout& layout, int64_t begin,
                     int64_t end, float* v) {
  constexpr int64_t kAhead = 2;  // channels: planes lie too far apart for the hardware to see the pattern
  alignas(64) float apart[kWinogradPositions][2 * kTile];
  InputRun input;
  for (int64_t i = begin; i < end; ++i) {
    for (int k = 0; k < group.runs; ++k) {
      const TileRun& run = group.run[k];
      float* target = v + run.target / kTile * layout.v_tile + i * kTile + run.target % kTile;
      if (i + kAhead < end) {
        PrefetchRows(run.x + (i + kAhead) * group.plane, conv.height, conv.width, run.row * kWinogradTile - 1,
                     (run.row + 1) * kWinogradTile + 1, run.column * kWinogradTile, run.count);
      }
      // Lanes behind a run are those of the next channel, which comes later, but for the last one.
      const bool last = i + 1 == end;
      input.Transform(conv, run, run.x + i * group.plane, run.style != nullptr ? run.style[i] : 1.0f,
                      last ? apart[0] : target, last ? 2 * kTile : layout.v_position);
      if (!last) continue;
      for (int64_t f = 0; f < kWinogradPositions; ++f)
        std::copy_n(apart[f], run.count, target + f * layout.v_position);
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

// G along one axis: of a point p, what w0 + p w1 + p^2 w2 is divided by are p's distances from the others.
struct WeightAxis {
  static constexpr double kA = gemm::kA, kB = gemm::kB;
  static constexpr float kAtZero = 1 / (kA * kA * kB * kB), kAtA = 1 / (2 * kA * kA * (kA * kA - kB * kB)),
                         kAtB = 1 / (2 * kB * kB * (kB * kB - kA * kA));

  template <class W>
  static HWY_INLINE void Apply(W w0, W w1, W w2, W* HWY_RESTRICT out) {
    const D d;
    out[0] = hn::Mul(hn::Set(d, kAtZero), w0);
    const W a_even = hn::MulAdd(hn::Set(d, kA2), w2, w0), b_even = hn::MulAdd(hn::Set(d, kB2), w2, w0);
    out[1] = hn::Mul(hn::Set(d, kAtA), hn::MulAdd(hn::Set(d, gemm::kA), w1, a_even));
    out[2] = hn::Mul(hn::Set(d, kAtA), hn::NegMulAdd(hn::Set(d, gemm::kA), w1, a_even));
    out[3] = hn::Mul(hn::Set(d, kAtB), hn::MulAdd(hn::Set(d, gemm::kB), w1, b_even));
    out[4] = hn::Mul(hn::Set(d, kAtB), hn::NegMulAdd(hn::Set(d, gemm::kB), w1, b_even));
    out[5] = w2;
  }
};

void TransformU(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  TransformTaps<WeightAxis>(taps, tap_stride, count, u, u_stride);
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformInputs);
HWY_EXPORT(TransformOutputs);
HWY_EXPORT(TransformU);

namespace {

void TransformUWeights(const float* taps, int64_t tap_stride, int64_t count, float* u, int64_t u_stride) {
  HWY_DYNAMIC_DISPATCH(TransformU)(taps, tap_stride, count, u, u_stride);
}

// Of output channels, whose sums are made at a time.
ChannelBlocks Blocks(const Winograd& conv, int64_t threads) {
  if (conv.late) return ChannelBlocks::Late(conv.out_channels, threads);
  constexpr int64_t kPanels = 16;
  return {conv.out_channels, (Panels(conv.out_channels).count + kPanels - 1) / kPanels};
}

// Tiles of the product in a group. V that a thread makes for itself: 768 KiB, three quarters of a
// second-level cache; but with fewer than 32 columns the weights, which are read once per group, would be
// what limits. Where weights are transformed for every group, V is of all threads, and the groups are as
// large as can be.
int64_t GroupTiles(const Winograd& conv, int64_t sixteens, int64_t threads) {
  if (conv.late) return std::min(sixteens, kMostTiles);
  constexpr int64_t kGroupFloats = int64_t{3} << 16, kLeastTiles = 2;
  const int64_t fitting = kGroupFloats / (kWinogradPositions * DepthStride(conv.in_channels));
  return std::clamp<int64_t>(sixteens / threads, 1, std::clamp(fitting, kLeastTiles, kMostTiles));
}

// How the work is cut; no cut changes an element's arithmetic.
struct Plan {
  ChannelBlocks blocks;
  int64_t sample_tiles, first_tile;  // of the rows, in each sample
  int64_t tiles;                     // of the batch
  int64_t columns;                   // tiles of a group
  int64_t groups;
  Plan(const Winograd& conv, int64_t batch, RowRange rows, int64_t threads) : blocks(Blocks(conv, threads)) {
    const int64_t row_begin = rows.begin / kWinogradTile;
    first_tile = row_begin * conv.TileColumns();
    sample_tiles = ((rows.end + kWinogradTile - 1) / kWinogradTile - row_begin) * conv.TileColumns();
    tiles = batch * sample_tiles;
    columns = kTile * GroupTiles(conv, (tiles + kTile - 1) / kTile, threads);
    groups = (tiles + columns - 1) / columns;
  }
};

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

// M of one block.
void MultiplyPositions(const Winograd& conv, const ChannelBlocks& blocks, int64_t block,
                       const BlockWeights& weights, const Layout& layout, const float* v, int64_t columns,
                       float* m) {
  for (int64_t f = 0; f < kWinogradPositions; ++f) {
    for (int64_t k = 0; k < conv.in_channels; k += kDepth) {
      const int64_t depth = std::min(kDepth, conv.in_channels - k);
      const bool last = k + depth == conv.in_channels;
      const int64_t next_position = (f + (last ? 1 : 0)) % kWinogradPositions;
      const float* next = v + next_position * layout.v_position + (last ? 0 : (k + depth) * kTile);
      Multiply(blocks.panels, {.depth = depth,
                               .a = weights.u + f * weights.stride + k * blocks.Rows(block),
                               .panel_begin = blocks.Panel(block),
                               .panel_end = blocks.Panel(block + 1),
                               .b = v + f * layout.v_position + k * kTile,
                               .b_tile_stride = layout.v_tile,
                               .tiles = columns / kTile,
                               .c = m + f * layout.m_position,
                               .c_stride = layout.m_row,
                               .accumulate = k > 0,
                               .next_b = next});
    }
  }
}

// A convolution with its memory: V, of each thread or of all of them, then each thread's M and U of a block.
class Run {
 public:
  Run(const Winograd& conv, const float* packed, int64_t batch, RowRange rows, int64_t threads)
      : conv_(conv),
        threads_(threads),
        plan_(conv, batch, rows, threads),
        weights_(plan_.blocks, conv.in_channels, conv.late, &TransformUWeights, packed),
        layout_(conv.in_channels, plan_.blocks.MostRows(), plan_.columns) {}

  int64_t ScratchFloats() const { return (conv_.late ? 1 : threads_) * VFloats() + threads_ * OwnFloats(); }

  void Compute(const View<const float>& x, const float* style, ThreadPool* pool, float* scratch,
               const Sink& sink) const {
    if (conv_.late) return Together(x, style, pool, scratch, sink);
    // Tasks: groups times parts of the blocks, each with V of its own.
    int64_t splits = 1;
    while (splits < plan_.blocks.count && plan_.groups * splits < 4 * threads_ &&
           plan_.groups * splits % threads_ != 0) {
      ++splits;
    }
    pool->ParallelFor(static_cast<int>(plan_.groups * splits), [&](int task, int thread) {
      const int64_t split = task / plan_.groups;
      const Group group = GroupAt(conv_, plan_, task % plan_.groups, x, style);
      float *v = scratch + thread * (VFloats() + OwnFloats()), *own = v + VFloats();
      HWY_DYNAMIC_DISPATCH(TransformInputs)(conv_, group, layout_, 0, conv_.in_channels, v);
      for (int64_t b = plan_.blocks.count * split / splits; b < plan_.blocks.count * (split + 1) / splits;
           ++b)
        ComputeBlock(group, b, v, own, sink);
    });
  }

 private:
  int64_t VFloats() const { return kWinogradPositions * layout_.v_position; }
  int64_t OwnFloats() const { return kWinogradPositions * layout_.m_position + weights_.MemoryFloats(); }

  // Group by group, each block of channels transformed once.
  void Together(const View<const float>& x, const float* style, ThreadPool* pool, float* scratch,
                const Sink& sink) const {
    for (int64_t g = 0; g < plan_.groups; ++g) {
      const Group group = GroupAt(conv_, plan_, g, x, style);
      const auto channel = [&](int64_t part) { return conv_.in_channels * part / threads_; };
      pool->ParallelFor(static_cast<int>(threads_), [&](int part, int) {
        HWY_DYNAMIC_DISPATCH(TransformInputs)
        (conv_, group, layout_, channel(part), channel(part + 1), scratch);
      });
      pool->ParallelFor(static_cast<int>(plan_.blocks.count), [&](int block, int thread) {
        ComputeBlock(group, block, scratch, scratch + VFloats() + thread * OwnFloats(), sink);
      });
    }
  }

  void ComputeBlock(const Group& group, int64_t block, const float* v, float* own, const Sink& sink) const {
    const BlockWeights u = weights_.Of(block, own + kWinogradPositions * layout_.m_position);
    MultiplyPositions(conv_, plan_.blocks, block, u, layout_, v, group.columns, own);
    HWY_DYNAMIC_DISPATCH(TransformOutputs)
    (conv_, group, layout_, own, plan_.blocks.Row(block), plan_.blocks.Row(block + 1), sink);
  }

  const Winograd& conv_;
  int64_t threads_;
  Plan plan_;
  TransformedWeights weights_;
  Layout layout_;
};

}  // namespace

void PackWinograd(const Winograd& conv, const float* weight, float gain, float* packed) {
  const ChannelBlocks blocks = Blocks(conv, 1);
  TransformedWeights(blocks, conv.in_channels, conv.late, &TransformUWeights, nullptr)
      .Pack(weight, gain, packed);
}

int64_t WinogradScratchFloats(const Winograd& conv, int64_t batch, int64_t threads) {
  return Run(conv, nullptr, batch, {0, conv.height}, threads).ScratchFloats();
}

RowRange WinogradRowsRead(const Winograd& conv, RowRange rows) {
  return {std::max<int64_t>(0, rows.begin - 1), std::min(conv.height, RoundUp(rows.end, kWinogradTile) + 1)};
}

void ConvolveWinograd(const Winograd& conv, const float* packed, const View<const float>& x,
                      const float* style, RowRange rows, ThreadPool* threads, float* scratch,
                      const Sink& sink) {
  Run(conv, packed, x.shape[0], rows, threads->threads()).Compute(x, style, threads, scratch, sink);
}

}  // namespace mien::gemm
#endif
