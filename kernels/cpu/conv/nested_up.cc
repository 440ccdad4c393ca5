#include "kernels/cpu/conv/nested_up.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv/nested_up.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/cpu/conv/nested-inl.h"
#include "kernels/cpu/conv/fir-inl.h"

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
  // Writes whole vectors: what lies in the lanes behind the run changes, too.
  void Transform(const NestedUp& conv, const UpRun& run, const float* plane, float style,
                 float* HWY_RESTRICT out, int64_t slot) {
    const int64_t y = run.row * kNestedTile - 1, first = run.column * kNestedTile;
    for (int r = 0; r < kReadRows; ++r)
      rows_[r].Begin(plane, conv.height, conv.width, y + r, first, run.count);
    for (int64_t t = 0; t < run.count; t += kLanes) TransformTiles(t, style, out + t, slot);
  }

 private:
  static constexpr int kReadRows = kNestedTile + 1;

  void TransformTiles(int64_t t, float style, float* HWY_RESTRICT out, int64_t slot) const {
    const D d;
    V rows[kReadRows][kNestedSide];
    for (int r = 0; r < kReadRows; ++r) {
      V pixel[1 + kNestedTile];
      rows_[r].Load5(t, style, pixel);
      TransformPair(pixel[0], pixel[1], pixel[2], pixel[3], pixel[4], rows[r]);
      for (int k = 0; k < kNestedTile; ++k) rows[r][5 + k] = pixel[1 + k];
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
                       int64_t begin, int64_t end, float* v) {
  constexpr int64_t kAhead = 2;  // channels: planes lie too far apart for the hardware to see the pattern
  alignas(64) float apart[kNestedSlots][2 * kTile];
  UpInput input;
  for (int64_t i = begin; i < end; ++i) {
    for (int k = 0; k < group.runs; ++k) {
      const UpRun& run = group.run[k];
      if (i + kAhead < end) {
        gemm::HWY_NAMESPACE::PrefetchRows(x + (i + kAhead) * conv.plane, conv.height, conv.width,
                                          run.row * kNestedTile - 1, (run.row + 1) * kNestedTile,
                                          run.column * kNestedTile, run.count);
      }
      // Lanes behind a run are those of the next channel, which comes later, but for the last one.
      const bool last = i + 1 == end;
      float* const out = v + i * kTile + run.target;
      input.Transform(conv, run, x + i * conv.plane, style[i], last ? apart[0] : out,
                      last ? 2 * kTile : conv.slot());
      if (!last) continue;
      for (int64_t slot = 0; slot < kNestedSlots; ++slot)
        std::copy_n(apart[slot], run.count, out + slot * conv.slot());
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

void FinishUpChannels(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                      const UpGroup& group, int64_t begin, int64_t end, const float* m,
                      const gemm::Sink& sink) {
  UpWindow window(conv, state, fir);
  for (int64_t o = begin; o < end; ++o, m += kNestedSlots * kTile) {
    for (int k = 0; k < group.runs; ++k) window.Finish(range, group.run[k], o, m + group.run[k].target, sink);
  }
}

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

void TransformUpInputs(const NestedUp& conv, const UpGroup& group, const float* x, const float* style,
                       int64_t begin, int64_t end, float* v) {
  HWY_DYNAMIC_DISPATCH(TransformUpInputs)(conv, group, x, style, begin, end, v);
}

void FinishUpChannels(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                      const UpGroup& group, int64_t begin, int64_t end, const float* m,
                      const gemm::Sink& sink) {
  HWY_DYNAMIC_DISPATCH(FinishUpChannels)(conv, state, fir, range, group, begin, end, m, sink);
}

void FinishUpBottom(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                    int64_t begin, int64_t end, const gemm::Sink& sink) {
  HWY_DYNAMIC_DISPATCH(FinishUpBottom)(conv, state, fir, range, begin, end, sink);
}

}  // namespace mien
#endif
