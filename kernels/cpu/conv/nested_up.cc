#include "kernels/cpu/conv/nested_up.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/nested_up.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/fir-inl.h"
#include "kernels/cpu/conv/nested-inl.h"

#ifndef MIEN_KERNELS_CPU_CONV_NESTED_UP_TYPES
#define MIEN_KERNELS_CPU_CONV_NESTED_UP_TYPES
namespace mien::gemm {

constexpr int64_t kPad = kTile;                 // before the first pixel of a row of t
constexpr int64_t kKeptRows = 3;                // of t, for the next row of tiles
constexpr int64_t kTileRows = 2 * kTileSide;    // of t

inline bool HasBottomEdge(const ConvShape& conv) { return conv.height % kTileSide == 0; }
inline bool HasRightEdge(const ConvShape& conv) { return conv.width % kTileSide == 0; }

// Output rows of one sample and the rows of tiles they need.
struct UpRange {
  int64_t sample;
  RowRange rows, tiles;
};

// Rows of t that outlive a group, one channel after the other; `kept` may be that of the range before.
struct UpState {
  int64_t stride;  // floats of half a row
  float* kept;     // [channel][kKeptRows][even, odd][stride]: the three last rows of the tiles above
  float* bottom;   // [channel][even, odd][stride]: row 2H
  float* left;     // [channel][row of tile][3]: of the window to the left
  float* right;    // [channel][rows of the band]: column 2W
  int64_t right_rows;

  float* Kept(int64_t o, int64_t row, int px) const { return kept + ((o * kKeptRows + row) * 2 + px) * stride + kPad; }
  float* Bottom(int64_t o, int px) const { return bottom + (o * 2 + px) * stride + kPad; }
  float* Left(int64_t o, int64_t row) const { return left + (o * kTileRows + row) * 3; }
  float* Right(int64_t o) const { return right + o * right_rows; }
};

}  // namespace mien::gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace mien::gemm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// V of tiles: along the rows of x, then along the columns.
struct UpInput {
  static constexpr int kRows = kTileSide + 1;
  static constexpr int64_t kPlaces = kNestedSlots;

  static HWY_INLINE void Tiles(const DeinterleavedRow* source, int64_t t, float style, float* HWY_RESTRICT out,
                               int64_t slot) {
    const D d;
    V rows[kRows][kNestedSide];
    for (int r = 0; r < kRows; ++r) {
      V pixel[1 + kTileSide];
      source[r].Load5(t, style, pixel);
      TransformPair(pixel[0], pixel[1], pixel[2], pixel[3], pixel[4], rows[r]);
      for (int k = 0; k < kTileSide; ++k) rows[r][5 + k] = pixel[1 + k];
    }
    for (int c = 0; c < kNestedSide; ++c) {
      V pair[kPairProducts];
      TransformPair(rows[0][c], rows[1][c], rows[2][c], rows[3][c], rows[4][c], pair);
      for (int r = 0; r < kPairProducts; ++r) hn::StoreU(pair[r], d, out + NestedSlot(r, c) * slot);
      for (int r = 0; r < kTileSide; ++r) hn::StoreU(rows[1 + r][c], d, out + NestedSlot(5 + r, c) * slot);
    }
  }
};

void TransformUpInputs(const ConvShape& conv, const TileGroup& group, int64_t plane, int64_t begin, int64_t end,
                       float* v) {
  TransformRuns<UpInput>(conv, group, plane, VTileFloats(conv.in_channels), begin, end, v);
}

// The window of t that one run of one channel makes, even and odd columns apart.
class UpWindow {
 public:
  UpWindow(const ConvShape& conv, const UpState& state, const Fir& fir)
      : conv_(conv), state_(state), fir_(fir) {}

  void Finish(const UpRange& range, const TileRun& run, int64_t o, const float* m, const Sink& sink) {
    for (int64_t t = 0; t < run.count; t += kLanes) Results(m + t, t);
    const int64_t pixels = run.count * kTileSide, first = run.column * kTileSide;
    const bool last = run.column + run.count == TilesAlong(conv_.width);
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
  static constexpr int64_t kLine = kPad + kTileSide * kTile + 2 * kTile;

  // t of the tiles t ...: along the columns, then along the rows.
  void Results(const float* HWY_RESTRICT m, int64_t t) {
    const D d;
    const auto load = [&](int r, int c) { return hn::LoadU(d, m + NestedSlot(r, c) * kTile); };
    V even_rows[kTileSide][kNestedSide];
    for (int c = 0; c < kNestedSide; ++c) {
      const V pair[kPairProducts] = {load(0, c), load(1, c), load(2, c), load(3, c), load(4, c)};
      V out[kTileSide];
      ResultsOfPair(pair, out);
      for (int r = 0; r < kTileSide; ++r) even_rows[r][c] = out[r];
    }
    for (int r = 0; r < kTileSide; ++r) {
      StoreRow(even_rows[r], 2 * r, t);
      V odd_row[kNestedSide];
      for (int c = 0; c < kNestedSide; ++c) odd_row[c] = load(5 + r, c);
      StoreRow(odd_row, 2 * r + 1, t);
    }
  }
  HWY_INLINE void StoreRow(const V* HWY_RESTRICT slots, int64_t row, int64_t t) {
    const D d;
    V even[kTileSide];
    ResultsOfPair(slots, even);
    hn::StoreInterleaved4(even[0], even[1], even[2], even[3], d, even_[row] + kPad + kTileSide * t);
    hn::StoreInterleaved4(slots[5], slots[6], slots[7], slots[8], d, odd_[row] + kPad + kTileSide * t);
  }

  // Columns from the window to the left, or the edges of t.
  void Join(const TileRun& run, int64_t o, int64_t pixels, bool last, const UpRange& range) {
    const bool edge = last && HasRightEdge(conv_);
    const int64_t band_row = run.row - range.tiles.begin;
    const float* right = edge ? state_.Right(o) + band_row * kTileRows : nullptr;
    for (int64_t r = 0; r < kTileRows; ++r) {
      float *left = state_.Left(o, r), *even = even_[r] + kPad, *odd = odd_[r] + kPad;
      even[-1] = run.column == 0 ? 0.0f : left[0];
      odd[-2] = run.column == 0 ? 0.0f : left[1];
      odd[-1] = run.column == 0 ? 0.0f : left[2];
      left[0] = even[pixels - 1];
      left[1] = odd[pixels - 2];
      left[2] = odd[pixels - 1];
      if (edge) even[pixels] = right[r], odd[pixels] = 0.0f;
    }
  }

  // The output rows of the window, those of them that are wanted, from `row` on.
  void Filter(const UpRange& range, int64_t row, int64_t o, int64_t begin, int64_t end, int64_t first,
              const Sink& sink) const {
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

  const ConvShape& conv_;
  const UpState& state_;
  const Fir& fir_;
  alignas(64) float even_[kTileRows][kLine];
  alignas(64) float odd_[kTileRows][kLine];
};

// Channels [begin, end) of a group, whose sums M holds.
void FinishUpChannels(const ConvShape& conv, const UpState& state, const Fir& fir, const UpRange& range,
                      const TileGroup& group, int64_t begin, int64_t end, const float* m,
                      const Sink& sink) {
  UpWindow window(conv, state, fir);
  for (int64_t o = begin; o < end; ++o, m += kNestedSlots * kTile) {
    for (int k = 0; k < group.runs; ++k) window.Finish(range, group.run[k], o, m + group.run[k].target, sink);
  }
}

// The last two output rows where row 2H of t lies in no tile.
void FinishUpBottom(const ConvShape& conv, const UpState& state, const Fir& fir, const UpRange& range,
                    int64_t begin, int64_t end, const Sink& sink) {
  const int64_t row = 2 * conv.height - 2, skip = std::max<int64_t>(range.rows.begin - row, 0);
  const int64_t count = std::min<int64_t>(range.rows.end - row, 2) - skip;
  if (count <= 0) return;
  for (int64_t o = begin; o < end; ++o) {
    for (int64_t x = 0; x < conv.width; x += kFirPairs) {
      const int64_t pairs = std::min(kFirPairs, conv.width - x);
      alignas(64) static constexpr float kZeros[kFirPairs + 2 * kTile] = {};
      SplitRow rows[kKeptRows + 2];
      for (int64_t r = 0; r < kKeptRows; ++r)
        rows[r] = {state.Kept(o, r, 0) + x, state.Kept(o, r, 1) + x - 1};
      rows[kKeptRows] = {state.Bottom(o, 0) + x, state.Bottom(o, 1) + x - 1};
      rows[kKeptRows + 1] = {kZeros, kZeros};
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

}  // namespace mien::gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mien::gemm {

HWY_EXPORT(TransformUpInputs);
HWY_EXPORT(FinishUpChannels);
HWY_EXPORT(FinishUpBottom);

namespace {

// Rows of tiles that output rows read: r reads t's rows r - 1 .. r + 2.
RowRange TileRowsOf(const ConvShape& conv, RowRange out) {
  return {std::max<int64_t>(out.begin - 1, 0) / kTileRows,
          std::min((out.end + 1) / kTileRows + 1, TilesAlong(conv.height))};
}

// The same where the range before left the rows of t above.
RowRange TileRowsAfter(const ConvShape& conv, RowRange out) {
  const auto row = [&](int64_t y) { return y == 2 * conv.height ? TilesAlong(conv.height) : (y + 2) / kTileRows; };
  return {row(out.begin), row(out.end)};
}

constexpr int64_t kFewRows = 32;     // of tiles: below, threads share the output channels rather than the rows
constexpr int64_t kEdgePixels = 63;  // of x, of an edge of t at a time; with their neighbour 64

int64_t HalfRowFloats(const ConvShape& conv) { return RoundUp(kPad + conv.width + 2 + 2 * kTile, kTile); }
int64_t ChannelKeptFloats(const ConvShape& conv) { return kKeptRows * 2 * HalfRowFloats(conv); }

// A sequence is a band of rows of one sample. With `ranges` there is one band, from where the range before ended.
class UpPlan : public TilePlan {
 public:
  UpPlan(const ConvShape& conv, int64_t batch, RowRange out, int64_t threads, bool ranges)
      : TilePlan{conv, NestedBlocks(conv.out_channels, conv.on_the_fly, threads), &TransformUpWeights},
        out_(out),
        ranges_(ranges) {
    if (conv.on_the_fly || ranges || TilesAlong(conv.height) < kFewRows) splits = std::min(threads, blocks.count);
    const RowRange tiles = ranges ? TileRowsAfter(conv, out) : TileRowsOf(conv, out);
    int64_t band_rows = tiles.end - tiles.begin;
    if (!ranges) {
      bands_ = std::min((threads + splits - 1) / splits, tiles.end - tiles.begin);
      band_rows = (tiles.end - tiles.begin + bands_ - 1) / bands_ + 1;
    }
    sequences = batch * bands_;
    if (splits > 1) together = bands_;
    v_floats = kNestedSlots * VTileFloats(conv.in_channels);
    // To wait for each other seldom; but V comes from the caches again for every block of channels.
    constexpr int64_t kChunkFloats = 3 << 17, kOnTheFlyChunk = 2;
    if (splits > 1) chunk_groups = std::max<int64_t>(1, kChunkFloats / v_floats);
    if (conv.on_the_fly && !ranges) chunk_groups = kOnTheFlyChunk;
    const int64_t groups = (band_rows * TilesAlong(conv.width) + kTile - 1) / kTile;
    chunk_groups = std::clamp<int64_t>(groups, 1, chunk_groups);

    constexpr int64_t kEdgeColumns = kEdgePixels + 1;
    m_stride = kNestedSlots * kTile;
    m_floats = std::max(blocks.MostRows() * m_stride + kTile, 3 * blocks.MostRows() * kEdgeColumns +
                                                                  kEdgeColumns / kTile * VTileFloats(conv.in_channels));
    const int64_t channels = conv.out_channels;
    kept_floats_ = ranges ? 0 : channels * ChannelKeptFloats(conv);
    bottom_floats_ = HasBottomEdge(conv) ? channels * 2 * HalfRowFloats(conv) : 0;
    left_floats_ = RoundUp(channels * kTileRows * 3, kTile);
    right_rows_ = HasRightEdge(conv) ? kTileRows * band_rows : 0;
    state_floats = kept_floats_ + bottom_floats_ + left_floats_ + RoundUp(channels * right_rows_, kTile);
  }

  TileSequence Sequence(int64_t index) const {
    const UpRange range = RangeOf(index);
    const int64_t columns = TilesAlong(conv.width), sample_tiles = TilesAlong(conv.height) * columns;
    const int64_t first = range.sample * sample_tiles;
    return {columns, 0, sample_tiles, first + range.tiles.begin * columns, first + range.tiles.end * columns};
  }

  ProductPlace PlaceOf(int64_t f, int64_t /*columns*/) const { return NestedPlace(f, conv.in_channels); }

  void TransformInputs(const ConvCall& call, const TileGroup& group, int64_t begin, int64_t end, float* v) const {
    HWY_DYNAMIC_DISPATCH(TransformUpInputs)(conv, group, call.x.Plane(), begin, end, v);
  }

  void TransformOutputs(const ConvCall& call, const TileTask& task, const TileGroup& group, int64_t begin,
                        int64_t end) const {
    const UpRange range = RangeOf(task.sequence);
    HWY_DYNAMIC_DISPATCH(FinishUpChannels)
    (conv, StateOf(call, task), *call.fir, range, group, begin, end, task.m, call.sink);
  }

  void Begin(const ConvCall& call, const TileTask& task) const {
    const UpRange range = RangeOf(task.sequence);
    const UpState state = StateOf(call, task);
    const int64_t begin = SplitChannel(task.split), end = SplitChannel(task.split + 1);
    if (!ranges_ || range.rows.begin == 0)
      std::fill(state.kept + begin * ChannelKeptFloats(conv), state.kept + end * ChannelKeptFloats(conv), 0.0f);
    if (HasRightEdge(conv)) RightEdge(call, task, range.tiles);
  }

  void End(const ConvCall& call, const TileTask& task) const {
    const UpRange range = RangeOf(task.sequence);
    const bool last = range.rows.begin < range.rows.end && range.rows.end > 2 * conv.height - 2;
    if (!last || !HasBottomEdge(conv)) return;
    BottomEdge(call, task);
    HWY_DYNAMIC_DISPATCH(FinishUpBottom)
    (conv, StateOf(call, task), *call.fir, range, SplitChannel(task.split), SplitChannel(task.split + 1), call.sink);
  }

 private:
  // A band ends two rows above a row of tiles, where the row of tiles above it ends.
  UpRange RangeOf(int64_t sequence) const {
    const int64_t sample = sequence / bands_, band = sequence % bands_;
    if (ranges_) return {sample, out_, out_.begin < out_.end ? TileRowsAfter(conv, out_) : RowRange{}};
    const RowRange tiles = TileRowsOf(conv, out_);
    const auto cut = [&](int64_t b) {
      const int64_t row = (tiles.begin + (tiles.end - tiles.begin) * b / bands_) * kTileRows - 2;
      return b == 0 ? out_.begin : b == bands_ ? out_.end : std::clamp(row, out_.begin, out_.end);
    };
    const RowRange rows = {cut(band), cut(band + 1)};
    return {sample, rows, rows.begin < rows.end ? TileRowsOf(conv, rows) : RowRange{}};
  }

  UpState StateOf(const ConvCall& call, const TileTask& task) const {
    UpState state;
    state.stride = HalfRowFloats(conv);
    state.kept = task.state;
    state.bottom = state.kept + kept_floats_;
    state.left = state.bottom + bottom_floats_;
    state.right = state.left + left_floats_;
    state.right_rows = right_rows_;
    if (ranges_) state.kept = call.kept_rows + task.sequence * conv.out_channels * ChannelKeptFloats(conv);
    return state;
  }

  struct EdgeTap {
    int tap, weight;
  };
  static EdgeTap TapAt(int row, int column) {
    constexpr int kWeight[] = {kAtInfinity, kSingle, kAtZero};
    return {row * 3 + column, kWeight[row] * kNestedSideWeights + kWeight[column]};
  }
  // An edge of x, pixels [0, size) that lie `step` apart; t along it is
  //   t[2p] = w_first x[p-1] + w_second x[p],   t[2p+1] = w_single x[p]
  struct Edge {
    int64_t first_pixel, step, size;
    EdgeTap first, second, single;
  };
  // Positions [begin, end) of all channels of the task: take(o, position, even, odd).
  template <class Take>
  void AlongEdge(const ConvCall& call, const TileTask& task, const Edge& edge, int64_t begin, int64_t end,
                 const Take& take) const {
    const int64_t sample = task.sequence / bands_, plane = call.x.Plane();
    const float* const pixels = call.x.data + sample * conv.in_channels * plane + edge.first_pixel;
    const float* const style = call.style + sample * conv.in_channels;
    const TransformedWeights weights = Weights(call.packed);
    const int64_t known = std::min(edge.size, end);  // pixels that are there; later ones may be in no memory
    float* const gathered = task.m + 3 * blocks.MostRows() * (kEdgePixels + 1);
    for (int64_t p = begin; p < end; p += kEdgePixels) {
      const int64_t count = std::min(kEdgePixels, end - p), columns = RoundUp(count + 1, kTile);
      for (int64_t i = 0; i < conv.in_channels; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          const int64_t at = p - 1 + j;
          const bool inside = at >= 0 && at < known;
          gathered[j / kTile * VTileFloats(conv.in_channels) + i * kTile + j % kTile] =
              inside ? pixels[i * plane + at * edge.step] * style[i] : 0.0f;
        }
      }
      for (int64_t b = SplitBlock(task.split); b < SplitBlock(task.split + 1); ++b) {
        const int64_t floats = blocks.Rows(b) * columns;
        float *first = task.m, *second = task.m + floats, *single = task.m + 2 * floats;
        MultiplyTap(weights, b, edge.first, gathered, columns, first);
        MultiplyTap(weights, b, edge.second, gathered, columns, second);
        MultiplyTap(weights, b, edge.single, gathered, columns, single);
        for (int64_t o = blocks.Row(b); o < blocks.Row(b + 1); ++o) {
          const int64_t row = (o - blocks.Row(b)) * columns;
          for (int64_t j = 0; j < count; ++j) {
            take(o, p + j, second[row + j + 1] + first[row + j], single[row + j + 1]);
          }
        }
      }
    }
  }
  // One tap of a block of channels times gathered pixels.
  void MultiplyTap(const TransformedWeights& weights, int64_t block, const EdgeTap& tap, const float* gathered,
                   int64_t columns, float* sums) const {
    for (int64_t k = 0; k < conv.in_channels; k += kDepth) {
      Multiply(blocks.panels, {.depth = std::min(kDepth, conv.in_channels - k),
                                      .a = weights.Tap(block, tap.tap, tap.weight, k),
                                      .panel_begin = blocks.Panel(block),
                                      .panel_end = blocks.Panel(block + 1),
                                      .b = gathered + k * kTile,
                                      .b_tile_stride = VTileFloats(conv.in_channels),
                                      .tiles = columns / kTile,
                                      .c = sums,
                                      .c_stride = columns,
                                      .accumulate = k > 0});
    }
  }

  // Column 2W of t, rows of tiles [first, end).
  void RightEdge(const ConvCall& call, const TileTask& task, RowRange tiles) const {
    const Edge edge = {conv.width - 1, conv.width, conv.height, TapAt(2, 2), TapAt(0, 2), TapAt(1, 2)};
    const UpState state = StateOf(call, task);
    const int64_t begin = tiles.begin * kTileSide, end = tiles.end * kTileSide;
    AlongEdge(call, task, edge, begin, end, [&](int64_t o, int64_t p, float even, float odd) {
      float* right = state.Right(o) + 2 * (p - begin);
      right[0] = even;
      right[1] = odd;
    });
  }

  // Row 2H of t.
  void BottomEdge(const ConvCall& call, const TileTask& task) const {
    const Edge edge = {(conv.height - 1) * conv.width, 1, conv.width, TapAt(2, 2), TapAt(2, 0), TapAt(2, 1)};
    const UpState state = StateOf(call, task);
    for (int64_t o = SplitChannel(task.split); o < SplitChannel(task.split + 1); ++o) state.Bottom(o, 1)[-1] = 0.0f;
    AlongEdge(call, task, edge, 0, conv.width + 1, [&](int64_t o, int64_t p, float even, float odd) {
      state.Bottom(o, 0)[p] = even;
      state.Bottom(o, 1)[p] = odd;
    });
  }

  RowRange out_;
  bool ranges_;
  int64_t bands_ = 1;  // of a sample
  int64_t kept_floats_, bottom_floats_, left_floats_, right_rows_;
};

// The rows of one range, or of all.
UpPlan PlanOf(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges) {
  return UpPlan(conv, batch, {0, 2 * conv.height}, threads, ranges);
}

}  // namespace

bool NestedUp::IsFaster(const ConvShape& conv) {
  return conv.height * conv.width >= 16 * kTile && conv.width >= kTile && conv.out_channels >= kTile &&
         conv.in_channels >= kTile;
}

void NestedUp::Pack(const ConvShape& conv, const float* weight, float gain, float* packed) {
  PlanOf(conv, 1, 1, false).Weights(nullptr).Pack(weight, gain, packed);
}

// Of all rows: fewer need no more.
int64_t NestedUp::ScratchFloats(const ConvShape& conv, int64_t batch, int64_t threads, bool ranges) {
  return PlanOf(conv, batch, threads, ranges).ScratchFloats(threads);
}

// A row of tiles gives eight output rows, the first two rows above it.
RowGrid NestedUp::Rows(const ConvShape&) { return {kTileRows, 2}; }

RowRange NestedUp::RowsRead(const ConvShape& conv, RowRange rows) {
  const RowRange tiles = TileRowsAfter(conv, rows);
  return {std::max<int64_t>(tiles.begin * kTileSide - 1, 0), std::min(tiles.end * kTileSide, conv.height)};
}

int64_t NestedUp::KeptRowsFloats(const ConvShape& conv, int64_t batch) {
  return batch * conv.out_channels * ChannelKeptFloats(conv);
}

int64_t NestedUp::Products(const ConvShape& conv, int64_t batch) {
  const int64_t rows = TilesAlong(conv.height), tile_columns = TilesAlong(conv.width);
  const auto edge = [](int64_t pixels) {
    const int64_t whole = pixels / kEdgePixels, rest = pixels % kEdgePixels;
    return 3 * ((kEdgePixels + 1) * whole + (rest > 0 ? RoundUp(rest + 1, kTile) : 0));
  };
  int64_t columns = RoundUp(rows * tile_columns, kTile) * kNestedSlots;
  if (HasRightEdge(conv)) columns += edge(rows * kTileSide);
  if (HasBottomEdge(conv)) columns += edge(conv.width + 1);
  return batch * columns * conv.in_channels * conv.out_channels;
}

void NestedUp::Run(const ConvShape& conv, const ConvCall& call) {
  const UpPlan plan(conv, call.x.shape[0], call.rows, call.threads->threads(), call.kept_rows != nullptr);
  TileDriver(plan, call).Run();
}

}  // namespace mien::gemm
#endif
