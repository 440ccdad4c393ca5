// mod_conv with upsampling by nested Winograd (gemm/nested.h): t, the result of the transposed convolution,
// is made in tiles of 8x8 from 4x4 pixels of x. A task takes a band of rows for some of the output channels,
// from top to bottom and from left to right, sixteen tiles at a time: their V, then for each block of
// channels M, and for each channel a window of t that is filtered and handed on while it is in the
// first-level cache. The filter reads a pixel of t to the left and two to the right, one row above and two
// below: so a window's outputs lag by a pair of pixels and of rows, three columns are carried from window to
// window, and three rows from one row of tiles to the next. The last row and column of t, of even number 2H
// and 2W, lie in no tile where four divides H or W: they need the bare taps at the edge, which are the
// weights at zero and infinity.
#include <algorithm>

#include "kernels/gemm/nested.h"
#include "kernels/mod_conv/fir.h"
#include "kernels/mod_conv/mod_conv_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mod_conv/mod_conv_nested.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/gemm/nested-inl.h"
#include "kernels/mod_conv/fir-inl.h"

#ifndef MIEN_KERNELS_MOD_CONV_NESTED_TYPES
#define MIEN_KERNELS_MOD_CONV_NESTED_TYPES
namespace mien {

using gemm::kNestedSide;
using gemm::kNestedSlots;
using gemm::kNestedTile;
using gemm::kTile;

constexpr int64_t kPad = kTile;                 // before the first pixel of a row of t
constexpr int64_t kKeptRows = 3;                // of t, for the next row of tiles
constexpr int64_t kTileRows = 2 * kNestedTile;  // of t

struct NestedUp {
  int64_t in_channels, out_channels, height, width;
  int64_t plane;  // floats from channel to channel of x
  NestedUp(const View<const float>& x, const Shape& weight)
      : in_channels(weight[1]),
        out_channels(weight[0]),
        height(x.shape[2]),
        width(x.shape[3]),
        plane(x.Plane()) {}
  int64_t Rows() const { return (height + kNestedTile - 1) / kNestedTile; }  // of tiles
  int64_t Columns() const { return (width + kNestedTile - 1) / kNestedTile; }
  bool bottom_edge() const { return height % kNestedTile == 0; }
  bool right_edge() const { return width % kNestedTile == 0; }
  int64_t slot() const { return gemm::NestedSlotFloats(in_channels); }
};

// Tiles side by side in one row of tiles, at most sixteen.
struct UpRun {
  int64_t row, column, count;
  int64_t target;  // the first tile's column in the group
};
struct UpGroup {
  int runs = 0;
  UpRun run[kTile];
};

// Rows of tiles that output rows read: r reads t's rows r - 1 .. r + 2.
RowRange TileRowsOf(const NestedUp& conv, RowRange out) {
  return {std::max<int64_t>(out.begin - 1, 0) / kTileRows,
          std::min((out.end + 1) / kTileRows + 1, conv.Rows())};
}

// The same where the range before left the rows of t above.
RowRange TileRowsAfter(const NestedUp& conv, RowRange out) {
  const auto row = [&](int64_t y) { return y == 2 * conv.height ? conv.Rows() : (y + 2) / kTileRows; };
  return {row(out.begin), row(out.end)};
}

// What a task works on: output rows of one sample, the rows of tiles it needs, channels of some blocks.
struct UpRange {
  int64_t sample;
  RowRange rows, tiles;
  int64_t block_begin, block_end;
};

// Rows of t that outlive a group, one channel after the other; memory of the task, or carried on to the next
// range.
struct UpState {
  int64_t stride;  // floats of half a row
  float* kept;     // [channel][kKeptRows][even, odd][stride]: the three last rows of the tiles above
  float* bottom;   // [channel][even, odd][stride]: row 2H
  float* carried;  // [channel][row of tile][3]: of the window to the left
  float* right;    // [channel][rows of the band]: column 2W
  int64_t right_rows;
  const float* zeros;  // [stride]
  int64_t first_channel;

  float* Kept(int64_t o, int64_t row, int px) const {
    return kept + (((o - first_channel) * kKeptRows + row) * 2 + px) * stride + kPad;
  }
  float* Bottom(int64_t o, int px) const { return bottom + ((o - first_channel) * 2 + px) * stride + kPad; }
  float* Carried(int64_t o, int64_t row) const {
    return carried + ((o - first_channel) * kTileRows + row) * 3;
  }
  float* Right(int64_t o) const { return right + (o - first_channel) * right_rows; }
};

}  // namespace mien
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using gemm::HWY_NAMESPACE::D;
using gemm::HWY_NAMESPACE::kLanes;
using gemm::HWY_NAMESPACE::ResultsOfPair;
using gemm::HWY_NAMESPACE::TransformPair;
using gemm::HWY_NAMESPACE::V;

// V of one run of one channel: along the rows of x, then along the columns.
class UpInput {
 public:
  void Transform(const NestedUp& conv, const UpRun& run, const float* plane, float style,
                 float* HWY_RESTRICT out) {
    const int64_t y = run.row * kNestedTile - 1, first = run.column * kNestedTile;
    for (int r = 0; r < kReadRows; ++r)
      rows_[r].Load(plane, conv.height, conv.width, y + r, first, run.count, style);
    for (int64_t t = 0; t < run.count; t += kLanes) TransformTiles(t, out + t, conv.slot());
  }

 private:
  static constexpr int kReadRows = kNestedTile + 1;

  void TransformTiles(int64_t t, float* HWY_RESTRICT out, int64_t slot) const {
    const D d;
    V rows[kReadRows][kNestedSide];
    for (int r = 0; r < kReadRows; ++r) {
      V* row = rows[r];
      for (int k = 0; k < kNestedTile; ++k) row[5 + k] = rows_[r].Pixel(k, t);
      TransformPair(rows_[r].Pixel(-1, t), row[5], row[6], row[7], row[8], row);
    }
    for (int c = 0; c < kNestedSide; ++c) {
      V pair[gemm::kPairProducts];
      TransformPair(rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c], pair);
      for (int r = 0; r < gemm::kPairProducts; ++r)
        hn::StoreU(pair[r], d, out + gemm::NestedSlot(r, c) * slot);
      for (int r = 0; r < kNestedTile; ++r)
        hn::StoreU(rows[1 + r][c], d, out + gemm::NestedSlot(5 + r, c) * slot);
    }
  }

  gemm::HWY_NAMESPACE::ApartRow rows_[kReadRows];
};

void TransformUpInputs(const NestedUp& conv, const UpGroup& group, const float* x, const float* style,
                       float* v) {
  constexpr int64_t kAhead = 2;  // channels: planes lie too far apart for the hardware to see the pattern
  UpInput input;
  for (int64_t i = 0; i < conv.in_channels; ++i, v += kTile) {
    for (int k = 0; k < group.runs; ++k) {
      const UpRun& run = group.run[k];
      if (i + kAhead < conv.in_channels) {
        gemm::HWY_NAMESPACE::PrefetchRows(x + (i + kAhead) * conv.plane, conv.height, conv.width,
                                          run.row * kNestedTile - 1, (run.row + 1) * kNestedTile,
                                          run.column * kNestedTile, run.count);
      }
      input.Transform(conv, run, x + i * conv.plane, style[i], v + run.target);
    }
  }
}

// The window of t that one run of one channel makes, even and odd columns apart.
class UpWindow {
 public:
  UpWindow(const NestedUp& conv, const UpState& state, const Fir& fir)
      : conv_(conv), state_(state), fir_(fir) {}

  void Finish(const UpRange& range, const UpRun& run, int64_t o, const float* m, const gemm::Sink& sink) {
    for (int64_t t = 0; t < run.count; t += kLanes) Results(m + t, t);
    const int64_t pixels = run.count * kNestedTile, first = run.column * kNestedTile;
    const bool last = run.column + run.count == conv_.Columns();
    Join(run, o, pixels, last, range);
    // Pairs of output pixels [begin, end), of the whole row.
    const int64_t begin = std::max<int64_t>(first - 1, 0), end = last ? conv_.width : first + pixels - 1;
    Filter(range, run.row * kTileRows - 2, o, begin, end, first, sink);
    for (int64_t r = 0; r < kKeptRows; ++r) {
      const int64_t row = kTileRows - kKeptRows + r;
      std::copy_n(even_[row] + kPad + begin - first, end - begin + last, state_.Kept(o, r, 0) + begin);
      std::copy_n(odd_[row] + kPad + begin - 1 - first, end - begin + 2 * last,
                  state_.Kept(o, r, 1) + begin - 1);
    }
  }

 private:
  static constexpr int64_t kLine = kPad + kNestedTile * kTile + 2 * kTile;

  // t of the tiles t ...: along the columns, then along the rows.
  void Results(const float* HWY_RESTRICT m, int64_t t) {
    const D d;
    const auto load = [&](int r, int c) { return hn::LoadU(d, m + gemm::NestedSlot(r, c) * kTile); };
    V even_rows[kNestedTile][kNestedSide];
    for (int c = 0; c < kNestedSide; ++c) {
      const V pair[gemm::kPairProducts] = {load(0, c), load(1, c), load(2, c), load(3, c), load(4, c)};
      V out[kNestedTile];
      ResultsOfPair(pair, out);
      for (int r = 0; r < kNestedTile; ++r) even_rows[r][c] = out[r];
    }
    for (int r = 0; r < kNestedTile; ++r) {
      StoreRow(even_rows[r], 2 * r, t);
      V odd_row[kNestedSide];
      for (int c = 0; c < kNestedSide; ++c) odd_row[c] = load(5 + r, c);
      StoreRow(odd_row, 2 * r + 1, t);
    }
  }
  HWY_INLINE void StoreRow(const V* HWY_RESTRICT slots, int64_t row, int64_t t) {
    const D d;
    V even[kNestedTile];
    ResultsOfPair(slots, even);
    hn::StoreInterleaved4(even[0], even[1], even[2], even[3], d, even_[row] + kPad + kNestedTile * t);
    hn::StoreInterleaved4(slots[5], slots[6], slots[7], slots[8], d, odd_[row] + kPad + kNestedTile * t);
  }

  // Columns from the window to the left, or the edges of t.
  void Join(const UpRun& run, int64_t o, int64_t pixels, bool last, const UpRange& range) {
    const bool edge = last && conv_.right_edge();
    const int64_t band_row = run.row - range.tiles.begin;
    const float* right = edge ? state_.Right(o) + band_row * kTileRows : nullptr;
    for (int64_t r = 0; r < kTileRows; ++r) {
      float *carried = state_.Carried(o, r), *even = even_[r] + kPad, *odd = odd_[r] + kPad;
      even[-1] = run.column == 0 ? 0.0f : carried[0];
      odd[-2] = run.column == 0 ? 0.0f : carried[1];
      odd[-1] = run.column == 0 ? 0.0f : carried[2];
      carried[0] = even[pixels - 1];
      carried[1] = odd[pixels - 2];
      carried[2] = odd[pixels - 1];
      if (edge) even[pixels] = right[r], odd[pixels] = 0.0f;
    }
  }

  // The output rows of the window, those of them that are wanted, from `row` on.
  void Filter(const UpRange& range, int64_t row, int64_t o, int64_t begin, int64_t end, int64_t first,
              const gemm::Sink& sink) const {
    const int64_t skip = std::max<int64_t>(range.rows.begin - row, 0);
    const int64_t count = std::min(range.rows.end - row, kTileRows) - skip;
    if (count <= 0) return;
    SplitRow rows[kTileRows + kKeptRows];
    for (int64_t r = 0; r < kKeptRows; ++r)
      rows[r] = {state_.Kept(o, r, 0) + begin, state_.Kept(o, r, 1) + begin - 1};
    for (int64_t r = 0; r < kTileRows; ++r) {
      rows[kKeptRows + r] = {even_[r] + kPad + begin - first, odd_[r] + kPad + begin - 1 - first};
    }
    alignas(64) float y[kFirRows][kFirLine];
    FilterRows(fir_, rows + skip, count, end - begin, y);
    sink.take(sink.context, {.sample = range.sample,
                             .channel = o,
                             .pixel = (row + skip) * 2 * conv_.width + 2 * begin,
                             .rows = count,
                             .count = 2 * (end - begin),
                             .sum = y[0],
                             .stride = kFirLine});
  }

  const NestedUp& conv_;
  const UpState& state_;
  const Fir& fir_;
  alignas(64) float even_[kTileRows][kLine];
  alignas(64) float odd_[kTileRows][kLine];
};

// Channels [begin, end) of a group, whose sums M holds.
void FinishUpChannels(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                      const UpGroup& group, int64_t begin, int64_t end, const float* m,
                      const gemm::Sink& sink) {
  UpWindow window(conv, state, fir);
  for (int64_t o = begin; o < end; ++o, m += kNestedSlots * kTile) {
    for (int k = 0; k < group.runs; ++k) window.Finish(range, group.run[k], o, m + group.run[k].target, sink);
  }
}

// The last two output rows where row 2H of t lies in no tile.
void FinishUpBottom(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                    int64_t begin, int64_t end, const gemm::Sink& sink) {
  const int64_t row = 2 * conv.height - 2, skip = std::max<int64_t>(range.rows.begin - row, 0);
  const int64_t count = std::min<int64_t>(range.rows.end - row, 2) - skip;
  if (count <= 0) return;
  for (int64_t o = begin; o < end; ++o) {
    for (int64_t x = 0; x < conv.width; x += kFirPairs) {
      const int64_t pairs = std::min(kFirPairs, conv.width - x);
      SplitRow rows[kKeptRows + 2];
      for (int64_t r = 0; r < kKeptRows; ++r)
        rows[r] = {state.Kept(o, r, 0) + x, state.Kept(o, r, 1) + x - 1};
      rows[kKeptRows] = {state.Bottom(o, 0) + x, state.Bottom(o, 1) + x - 1};
      rows[kKeptRows + 1] = {state.zeros, state.zeros};
      alignas(64) float y[kFirRows][kFirLine];
      FilterRows(fir, rows + skip, count, pairs, y);
      sink.take(sink.context, {.sample = range.sample,
                               .channel = o,
                               .pixel = (row + skip) * 2 * conv.width + 2 * x,
                               .rows = count,
                               .count = 2 * pairs,
                               .sum = y[0],
                               .stride = kFirLine});
    }
  }
}

}  // namespace mien::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien {

HWY_EXPORT(TransformUpInputs);
HWY_EXPORT(FinishUpChannels);
HWY_EXPORT(FinishUpBottom);

namespace {

constexpr int64_t kFewRows = 32;  // of tiles: below, threads share the output channels rather than the rows

// How the work is cut; no cut changes an element's arithmetic.
struct UpPlan {
  gemm::NestedBlocks blocks;
  int64_t splits, bands;  // per sample
  int64_t band_rows;      // of tiles, at most
  bool carries;           // one band, from where the range before ended
  UpPlan(const NestedUp& conv, RowRange out, int64_t threads, bool carries)
      : blocks(conv.out_channels), splits(1), carries(carries) {
    if (carries || conv.Rows() < kFewRows) splits = std::min(threads, blocks.count);
    const RowRange tiles = carries ? TileRowsAfter(conv, out) : TileRowsOf(conv, out);
    band_rows = tiles.end - tiles.begin;
    bands = 1;
    if (carries) return;
    bands = std::min((threads + splits - 1) / splits, tiles.end - tiles.begin);
    band_rows = (tiles.end - tiles.begin + bands - 1) / bands + 1;
  }
  // A band ends two rows above a row of tiles, where the row of tiles above it ends.
  RowRange Band(const NestedUp& conv, RowRange out, int64_t band) const {
    const RowRange tiles = TileRowsOf(conv, out);
    const auto cut = [&](int64_t b) {
      const int64_t row = (tiles.begin + (tiles.end - tiles.begin) * b / bands) * kTileRows - 2;
      return b == 0 ? out.begin : b == bands ? out.end : std::clamp(row, out.begin, out.end);
    };
    return {cut(band), cut(band + 1)};
  }
  int64_t SplitBlock(int64_t split) const { return blocks.count * split / splits; }
  int64_t SplitChannels() const {
    int64_t most = 0;
    for (int64_t s = 0; s < splits; ++s) {
      most = std::max(most, blocks.Row(SplitBlock(s + 1)) - blocks.Row(SplitBlock(s)));
    }
    return most;
  }
};

// Memory of one thread.
struct UpLayout {
  int64_t v, m, stride, channel_kept, kept, bottom, carried, right_rows, right;
  UpLayout(const NestedUp& conv, const UpPlan& plan) {
    const int64_t channels = plan.SplitChannels();
    v = kNestedSlots * conv.slot();
    m = plan.blocks.MostRows() * kNestedSlots * kTile + kTile;
    stride = gemm::RoundUp(kPad + conv.width + 2 + 2 * kTile, kTile);
    channel_kept = kKeptRows * 2 * stride;
    kept = plan.carries ? 0 : channels * channel_kept;
    bottom = conv.bottom_edge() ? channels * 2 * stride : 0;
    carried = gemm::RoundUp(channels * kTileRows * 3, kTile);
    right_rows = conv.right_edge() ? kTileRows * plan.band_rows : 0;
    right = channels * right_rows;
  }
  int64_t Floats() const { return v + m + stride + kept + bottom + carried + right; }
};

// One task.
class UpTask {
 public:
  UpTask(const NestedUp& conv, const UpPlan& plan, const UpLayout& layout, const CpuCall& call,
         const Fir& fir, float* scratch, const UpRange& range)
      : conv_(conv),
        blocks_(plan.blocks),
        product_(plan.blocks, conv.in_channels, call.packed),
        fir_(fir),
        range_(range) {
    x_ = call.in[ModConv::kX].data + range.sample * conv.in_channels * conv.plane;
    style_ = call.in[ModConv::kStyle].data + range.sample * conv.in_channels;
    v_ = scratch;
    m_ = v_ + layout.v;
    float* zeros = m_ + layout.m;
    state_.stride = layout.stride;
    state_.zeros = zeros;
    state_.kept = zeros + layout.stride;
    state_.bottom = state_.kept + layout.kept;
    state_.carried = state_.bottom + layout.bottom;
    state_.right = state_.carried + layout.carried;
    state_.right_rows = layout.right_rows;
    state_.first_channel = blocks_.Row(range.block_begin);
    std::fill_n(zeros, layout.stride, 0.0f);
    const int64_t channels = blocks_.Row(range.block_end) - state_.first_channel;
    if (plan.carries)
      state_.kept =
          call.carry + (range.sample * conv.out_channels + state_.first_channel) * layout.channel_kept;
    if (!plan.carries || range.rows.begin == 0)
      std::fill_n(state_.kept, channels * layout.channel_kept, 0.0f);
  }

  void Run(const gemm::Sink& sink) {
    const auto [first, end] = range_.tiles;
    if (conv_.right_edge()) RightEdge(first, end);
    const int64_t columns = conv_.Columns();
    for (int64_t t = first * columns; t < end * columns; t += kTile) {
      const UpGroup group = GroupAt(t, std::min(end * columns, t + kTile));
      HWY_DYNAMIC_DISPATCH(TransformUpInputs)(conv_, group, x_, style_, v_);
      for (int64_t b = range_.block_begin; b < range_.block_end; ++b) {
        product_.MultiplySlots(b, v_, m_);
        HWY_DYNAMIC_DISPATCH(FinishUpChannels)
        (conv_, state_, fir_, range_, group, blocks_.Row(b), blocks_.Row(b + 1), m_, sink);
      }
    }
    if (range_.rows.end > 2 * conv_.height - 2 && conv_.bottom_edge()) {
      BottomEdge();
      HWY_DYNAMIC_DISPATCH(FinishUpBottom)
      (conv_, state_, fir_, range_, blocks_.Row(range_.block_begin), blocks_.Row(range_.block_end), sink);
    }
  }

 private:
  // Tiles [begin, end) of the sample, at most sixteen.
  UpGroup GroupAt(int64_t begin, int64_t end) const {
    UpGroup group;
    for (int64_t t = begin; t < end; t += group.run[group.runs++].count) {
      const int64_t column = t % conv_.Columns();
      group.run[group.runs] = {t / conv_.Columns(), column, std::min(end - t, conv_.Columns() - column),
                               t - begin};
    }
    return group;
  }

  // An edge of x, pixels [0, size) that lie `step` apart; t along it is
  //   t[2p] = at_infinity x[p] + at_zero x[p-1],   t[2p+1] = single x[p]
  // with three of the weights, all times kZeroScale for the other axis.
  struct Edge {
    const float* pixels;
    int64_t step, size;
    int64_t at_zero, at_infinity, single;  // weights
  };
  // Positions [begin, end) of all channels of the task: take(o, position, even, odd).
  template <class Take>
  void AlongEdge(const Edge& edge, int64_t begin, int64_t end, const Take& take) {
    constexpr int64_t kTiles = (kNestedEdgePixels + 1) / kTile, kColumns = kTiles * kTile;
    for (int64_t p = begin; p < end; p += kNestedEdgePixels) {
      for (int64_t i = 0; i < conv_.in_channels; ++i) {
        for (int64_t j = 0; j < kColumns; ++j) {
          const int64_t at = p - 1 + j;
          const bool inside = at >= 0 && at < edge.size;
          v_[j / kTile * conv_.slot() + i * kTile + j % kTile] =
              inside ? edge.pixels[i * conv_.plane + at * edge.step] * style_[i] : 0.0f;
        }
      }
      for (int64_t b = range_.block_begin; b < range_.block_end; ++b) {
        const int64_t floats = blocks_.Rows(b) * kColumns;
        const float *zero = m_, *infinity = m_ + floats, *single = m_ + 2 * floats;
        product_.Multiply(b, edge.at_zero, v_, kTiles, m_, kColumns);
        product_.Multiply(b, edge.at_infinity, v_, kTiles, m_ + floats, kColumns);
        product_.Multiply(b, edge.single, v_, kTiles, m_ + 2 * floats, kColumns);
        for (int64_t o = blocks_.Row(b); o < blocks_.Row(b + 1); ++o) {
          const int64_t row = (o - blocks_.Row(b)) * kColumns;
          for (int64_t j = 0; j < std::min(kNestedEdgePixels, end - p); ++j) {
            const float even = infinity[row + j + 1] + gemm::kZeroScale * zero[row + j];
            take(o, p + j, gemm::kZeroScale * even, gemm::kZeroScale * single[row + j + 1]);
          }
        }
      }
    }
  }
  static constexpr int64_t Weight(int row, int column) { return row * gemm::kNestedSideWeights + column; }

  // Column 2W of t, rows of tiles [first, end).
  void RightEdge(int64_t first, int64_t end) {
    using enum gemm::NestedWeight;
    const Edge edge = {x_ + conv_.width - 1,
                       conv_.width,
                       conv_.height,
                       Weight(kAtZero, kAtZero),
                       Weight(kAtInfinity, kAtZero),
                       Weight(kSingle, kAtZero)};
    AlongEdge(edge, first * kNestedTile, end * kNestedTile, [&](int64_t o, int64_t p, float even, float odd) {
      float* right = state_.Right(o) + 2 * (p - first * kNestedTile);
      right[0] = even;
      right[1] = odd;
    });
  }
  // Row 2H of t.
  void BottomEdge() {
    using enum gemm::NestedWeight;
    const Edge edge = {x_ + (conv_.height - 1) * conv_.width,
                       1,
                       conv_.width,
                       Weight(kAtZero, kAtZero),
                       Weight(kAtZero, kAtInfinity),
                       Weight(kAtZero, kSingle)};
    for (int64_t o = blocks_.Row(range_.block_begin); o < blocks_.Row(range_.block_end); ++o) {
      state_.Bottom(o, 1)[-1] = 0.0f;
    }
    AlongEdge(edge, 0, conv_.width + 1, [&](int64_t o, int64_t p, float even, float odd) {
      state_.Bottom(o, 0)[p] = even;
      state_.Bottom(o, 1)[p] = odd;
    });
  }

  const NestedUp& conv_;
  const gemm::NestedBlocks& blocks_;
  gemm::NestedProduct product_;
  const Fir& fir_;
  UpRange range_;
  const float *x_, *style_;
  float *v_, *m_;
  UpState state_;
};

}  // namespace

RowRange NestedUpRowsRead(const Shape& x, RowRange out) {
  const RowRange tiles = TileRowsAfter(NestedUp({nullptr, x}, Shape{1, x[1], 3, 3}), out);
  return {std::max<int64_t>(tiles.begin * kNestedTile - 1, 0), std::min(tiles.end * kNestedTile, x[2])};
}

// Of all rows: fewer need no more.
int64_t NestedUpThreadFloats(const Shape& x, const Shape& weight, int threads) {
  const NestedUp conv({nullptr, x}, weight);
  return UpLayout(conv, UpPlan(conv, {0, 2 * x[2]}, threads, false)).Floats();
}

int64_t NestedUpCarryFloats(const Shape& x, const Shape& weight) {
  const NestedUp conv({nullptr, x}, weight);
  return x[0] * weight[0] * UpLayout(conv, UpPlan(conv, {0, 2 * x[2]}, 1, true)).channel_kept;
}

void NestedUpConv(const CpuCall& call, const Fir& fir, float* thread_scratch, const gemm::Sink& sink) {
  const View<const float>& x = call.in[ModConv::kX];
  const NestedUp conv(x, call.in[ModConv::kWeight].shape);
  const RowRange out = call.OutRows();
  const UpPlan plan(conv, out, call.threads->threads(), call.carry != nullptr);
  const UpLayout layout(conv, plan);
  const int64_t per_sample = plan.bands * plan.splits;
  call.threads->ParallelFor(static_cast<int>(x.shape[0] * per_sample), [&](int task, int thread) {
    const int64_t split = task % plan.splits, band = task / plan.splits % plan.bands;
    const RowRange rows = plan.carries ? out : plan.Band(conv, out, band);
    const UpRange range = {task / per_sample, rows,
                           plan.carries ? TileRowsAfter(conv, rows) : TileRowsOf(conv, rows),
                           plan.SplitBlock(split), plan.SplitBlock(split + 1)};
    if (rows.begin < rows.end) {
      UpTask(conv, plan, layout, call, fir, thread_scratch + thread * layout.Floats(), range).Run(sink);
    }
  });
}

}  // namespace mien
#endif
