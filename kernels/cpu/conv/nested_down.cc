#include "kernels/cpu/conv/nested_down.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/nested_down.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/nested-inl.h"

#ifndef MIEN_KERNELS_GEMM_NESTED_DOWN_TYPES
#define MIEN_KERNELS_GEMM_NESTED_DOWN_TYPES
namespace mien::gemm {

// Tiles side by side in one row of tiles of one sample.
struct DownRun {
  const float* x;  // the sample
  int64_t sample, row, column, count;
  int64_t target;  // the first tile's column in the group
};
struct DownGroup {
  int runs = 0;
  DownRun run[kTile];
};

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {

constexpr int kStep = 2 * kNestedTile;  // pixels of x from tile to tile
constexpr int kReadRows = kStep + 1;

// V of a group, one channel at a time: the pixels of all tiles are brought apart first, tile t in lane t.
class DownInput {
 public:
  explicit DownInput(const NestedDown& conv) : conv_(conv) {}

  void Transform(const DownGroup& group, int64_t channel, float* HWY_RESTRICT out) {
    for (int k = 0; k < group.runs; ++k) {
      const DownRun& run = group.run[k];
      const float* plane = run.x + channel * conv_.height * conv_.width;
      for (int r = 0; r < kReadRows; ++r) Separate(run, plane, run.row * kStep + r - 1, apart_[r]);
    }
    for (int64_t t = 0; t < kTile; t += kLanes) TransformTiles(t, out + t);
  }

 private:
  static constexpr int64_t kLine = kStep * kTile;
  // Of one row of pixels: [k][t] is pixel 8 t + k of the run, [kStep][t] is pixel 8 t - 1. Whole vectors are
  // written, past the run, where the next one's pixels come.
  using Apart = float[kStep + 1][3 * kTile];

  void Separate(const DownRun& run, const float* plane, int64_t y, Apart& apart) {
    const D d;
    const int64_t first = run.column * kStep, left = conv_.width - first;
    const int64_t read = RoundUp(run.count, kLanes) * kStep;
    const bool inside = y >= 0 && y < conv_.height;
    const float* row = plane + y * conv_.width + first;
    const float before = inside && first > 0 ? row[-1] : 0.0f;
    if (!inside || read > left) {
      const int64_t copied = inside ? left : 0;
      std::copy_n(row, copied, line_);
      std::fill_n(line_ + copied, read - copied, 0.0f);
      row = line_;
    }
    alignas(64) float fours[kNestedTile][2 * kTile];
    for (int64_t t = 0; t < run.count; t += kLanes) {
      for (int64_t half = 0; half < 2; ++half) {
        V p0, p1, p2, p3;
        hn::LoadInterleaved4(d, row + kStep * t + half * kNestedTile * kLanes, p0, p1, p2, p3);
        hn::Store(p0, d, fours[0] + half * kLanes);
        hn::Store(p1, d, fours[1] + half * kLanes);
        hn::Store(p2, d, fours[2] + half * kLanes);
        hn::Store(p3, d, fours[3] + half * kLanes);
      }
      for (int k = 0; k < kNestedTile; ++k) {
        V even, odd;
        hn::LoadInterleaved2(d, fours[k], even, odd);
        hn::StoreU(even, d, apart[k] + run.target + t);
        hn::StoreU(odd, d, apart[k + kNestedTile] + run.target + t);
        if (k == 3) hn::StoreU(odd, d, apart[kStep] + run.target + t + 1);
      }
    }
    apart[kStep][run.target] = before;
  }

  // Along the rows of x, then along the columns.
  void TransformTiles(int64_t t, float* HWY_RESTRICT out) const {
    const D d;
    const int64_t slot = NestedSlotFloats(conv_.in_channels);
    V rows[kReadRows][kNestedSide];
    HWY_UNROLL(9)  // as everywhere here: what is transformed stays in registers
    for (int r = 0; r < kReadRows; ++r) {
      const auto pixel = [&](int k) { return hn::LoadU(d, apart_[r][k] + t); };
      TransformPair(pixel(kStep), pixel(1), pixel(3), pixel(5), pixel(7), rows[r]);
      HWY_UNROLL(9)
      for (int k = 0; k < kNestedTile; ++k) rows[r][5 + k] = pixel(2 * k);
    }
    HWY_UNROLL(9)
    for (int c = 0; c < kNestedSide; ++c) {
      V pair[kPairProducts];
      TransformPair(rows[0][c], rows[2][c], rows[4][c], rows[6][c], rows[8][c], pair);
      HWY_UNROLL(9)
      for (int r = 0; r < kPairProducts; ++r) hn::StoreU(pair[r], d, out + NestedSlot(r, c) * slot);
      HWY_UNROLL(9)
      for (int r = 0; r < kNestedTile; ++r)
        hn::StoreU(rows[1 + 2 * r][c], d, out + NestedSlot(5 + r, c) * slot);
    }
  }

  const NestedDown& conv_;
  alignas(64) float line_[kLine];
  Apart apart_[kReadRows] = {};
};

// Input channels [begin, end).
void TransformDownInputs(const NestedDown& conv, const DownGroup& group, int64_t begin, int64_t end,
                         float* v) {
  DownInput input(conv);
  for (int64_t i = begin; i < end; ++i) input.Transform(group, i, v + i * kTile);
}

// y of tiles t ... of one channel, four rows of pixels: along the rows of slots, then along the columns.
HWY_INLINE void DownResults(const float* HWY_RESTRICT m, int64_t t, float (*HWY_RESTRICT y)[5 * kTile]) {
  const D d;
  V rows[kNestedSide][kNestedTile];
  HWY_UNROLL(9)
  for (int r = 0; r < kNestedSide; ++r) {
    V slots[kPairProducts];
    HWY_UNROLL(9)
    for (int c = 0; c < kPairProducts; ++c) slots[c] = hn::LoadU(d, m + NestedSlot(r, c) * kTile + t);
    ResultsOfPair(slots, rows[r]);
    HWY_UNROLL(9)
    for (int c = 0; c < kNestedTile; ++c) {
      rows[r][c] = hn::Add(rows[r][c], hn::LoadU(d, m + NestedSlot(r, 5 + c) * kTile + t));
    }
  }
  V out[kNestedTile][kNestedTile];  // [column][row]
  HWY_UNROLL(9)
  for (int c = 0; c < kNestedTile; ++c) {
    const V slots[kPairProducts] = {rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c]};
    ResultsOfPair(slots, out[c]);
    HWY_UNROLL(9)
    for (int r = 0; r < kNestedTile; ++r) out[c][r] = hn::Add(out[c][r], rows[5 + r][c]);
  }
  HWY_UNROLL(9)
  for (int r = 0; r < kNestedTile; ++r) {
    hn::StoreInterleaved4(out[0][r], out[1][r], out[2][r], out[3][r], d, y[r] + kNestedTile * t);
  }
}

// Channels [begin, end) of a group, whose sums M holds.
void FinishDownChannels(const NestedDown& conv, const DownGroup& group, int64_t begin, int64_t end,
                        const float* m, const Sink& sink) {
  alignas(64) float y[kNestedTile][5 * kTile];
  for (int64_t o = begin; o < end; ++o, m += kNestedSlots * kTile) {
    for (int64_t t = 0; t < kTile; t += kLanes) DownResults(m, t, y);
    for (int k = 0; k < group.runs; ++k) {
      const DownRun& run = group.run[k];
      const int64_t row = run.row * kNestedTile, column = run.column * kNestedTile;
      sink.take(sink.context, {.sample = run.sample,
                               .channel = o,
                               .pixel = row * conv.OutWidth() + column,
                               .rows = std::min(kNestedTile, conv.OutHeight() - row),
                               .count = std::min(run.count * kNestedTile, conv.OutWidth() - column),
                               .sum = y[0] + run.target * kNestedTile,
                               .stride = 5 * kTile});
    }
  }
}

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformDownInputs);
HWY_EXPORT(FinishDownChannels);

namespace {

// Tiles [begin, begin + 16) of the batch.
DownGroup GroupAt(const NestedDown& conv, int64_t begin, int64_t batch, const float* x) {
  DownGroup group;
  const int64_t end = std::min(begin + kTile, batch * conv.Tiles());
  for (int64_t t = begin; t < end; t += group.run[group.runs++].count) {
    const int64_t n = t / conv.Tiles(), tile = t % conv.Tiles(), column = tile % conv.TileColumns();
    group.run[group.runs] = {
        x + n * conv.in_channels * conv.height * conv.width, n,        tile / conv.TileColumns(), column,
        std::min(end - t, conv.TileColumns() - column),      t - begin};
  }
  return group;
}

// A convolution with its memory: V, of each thread or of all of them, then each thread's M and U of a block.
class Run {
 public:
  Run(const NestedDown& conv, const float* packed, int64_t batch, int64_t threads)
      : conv_(conv),
        threads_(threads),
        groups_((batch * conv.Tiles() + kTile - 1) / kTile),
        chunk_(conv.late ? std::min(groups_, kMostGroups) : 1),
        blocks_(NestedBlocks(conv.out_channels, conv.late, threads)),
        weights_(blocks_, conv.in_channels, conv.late, &TransformDownWeights, packed),
        sum_floats_(blocks_.MostRows() * kNestedSlots * kTile) {}

  int64_t ScratchFloats() const {
    return (conv_.late ? 1 : threads_) * chunk_ * GroupFloats() + threads_ * OwnFloats();
  }

  void Compute(const float* x, int64_t batch, ThreadPool* pool, float* scratch, const Sink& sink) const {
    if (conv_.late) return Together(x, batch, pool, scratch, sink);
    // Tasks: groups times parts of the blocks, each with V of its own; no cut changes an element's
    // arithmetic.
    int64_t splits = 1;
    while (splits < blocks_.count && groups_ * splits < 4 * threads_ && groups_ * splits % threads_ != 0)
      ++splits;
    pool->ParallelFor(static_cast<int>(groups_ * splits), [&](int task, int thread) {
      const int64_t split = task / groups_;
      const DownGroup group = GroupAt(conv_, task % groups_ * kTile, batch, x);
      float *v = scratch + thread * (GroupFloats() + OwnFloats()), *m = v + GroupFloats();
      HWY_DYNAMIC_DISPATCH(TransformDownInputs)(conv_, group, 0, conv_.in_channels, v);
      for (int64_t b = blocks_.count * split / splits; b < blocks_.count * (split + 1) / splits; ++b)
        Sum(group, b, weights_.Of(b, nullptr), v, m, sink);
    });
  }

 private:
  static constexpr int64_t kMostGroups = 2;  // whose V is kept for one transform of the weights

  int64_t GroupFloats() const { return kNestedSlots * NestedSlotFloats(conv_.in_channels); }
  int64_t OwnFloats() const { return sum_floats_ + weights_.MemoryFloats(); }

  void Together(const float* x, int64_t batch, ThreadPool* pool, float* scratch, const Sink& sink) const {
    for (int64_t begin = 0; begin < groups_; begin += chunk_) {
      const int64_t count = std::min(chunk_, groups_ - begin);
      const auto group = [&](int64_t g) { return GroupAt(conv_, (begin + g) * kTile, batch, x); };
      const auto channel = [&](int64_t part) { return conv_.in_channels * part / threads_; };
      pool->ParallelFor(static_cast<int>(threads_ * count), [&](int task, int) {
        const int64_t part = task / count, g = task % count;
        HWY_DYNAMIC_DISPATCH(TransformDownInputs)
        (conv_, group(g), channel(part), channel(part + 1), scratch + g * GroupFloats());
      });
      pool->ParallelFor(static_cast<int>(blocks_.count), [&](int block, int thread) {
        float* m = scratch + chunk_ * GroupFloats() + thread * OwnFloats();
        const BlockWeights u = weights_.Of(block, m + sum_floats_);
        for (int64_t g = 0; g < count; ++g) Sum(group(g), block, u, scratch + g * GroupFloats(), m, sink);
      });
    }
  }

  void Sum(const DownGroup& group, int64_t block, const BlockWeights& u, const float* v, float* m,
           const Sink& sink) const {
    MultiplySlots(blocks_, block, conv_.in_channels, u, v, m);
    HWY_DYNAMIC_DISPATCH(FinishDownChannels)
    (conv_, group, blocks_.Row(block), blocks_.Row(block + 1), m, sink);
  }

  const NestedDown& conv_;
  int64_t threads_;
  int64_t groups_, chunk_;
  ChannelBlocks blocks_;
  TransformedWeights weights_;
  int64_t sum_floats_;
};

}  // namespace

void PackNestedDown(const NestedDown& conv, const float* weight, float* packed) {
  const ChannelBlocks blocks = NestedBlocks(conv.out_channels, conv.late, 1);
  const TransformedWeights weights(blocks, conv.in_channels, conv.late, &TransformDownWeights, nullptr);
  weights.Pack(weight, 1.0f, packed);
}

int64_t NestedDownScratchFloats(const NestedDown& conv, int64_t batch, int64_t threads) {
  return Run(conv, nullptr, batch, threads).ScratchFloats();
}

void ConvolveNestedDown(const NestedDown& conv, const float* packed, const float* x, int64_t batch,
                        ThreadPool* threads, float* scratch, const Sink& sink) {
  Run(conv, packed, batch, threads->threads()).Compute(x, batch, threads, scratch, sink);
}

}  // namespace mien::gemm
#endif
