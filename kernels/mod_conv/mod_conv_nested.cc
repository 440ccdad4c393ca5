// mod_conv with upsampling by nested Winograd (cpu/conv/nested.h): t, the result of the transposed convolution,
// is made in tiles of 8x8 from 4x4 pixels of x. A task takes a band of rows for some of the output channels,
// from top to bottom and from left to right, sixteen tiles at a time: their V, then for each block of
// channels M, and for each channel a window of t that is filtered and handed on while it is in the
// first-level cache. Tasks that take different channels of one band make V together, for a chunk of some
// sixteens at a time; weights that are transformed at every use are transformed once per chunk. The filter reads a
// pixel of t to the left and two to the right, one row above and two below: so a window's outputs lag by a
// pair of pixels and of rows, three columns are carried from window to window, and three rows from one row of
// tiles to the next. The last row and column of t, of even number 2H and 2W, lie in no tile where four
// divides H or W: they need the bare taps at the edge.
#include <algorithm>

#include "kernels/cpu/conv/nested_up.h"

namespace mien {
namespace {

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

constexpr int64_t kFewRows = 32;  // of tiles: below, threads share the output channels rather than the rows

// How the work is cut; no cut changes an element's arithmetic.
struct UpPlan {
  gemm::ChannelBlocks blocks;
  int64_t splits, bands;  // per sample
  int64_t band_rows;      // of tiles, at most
  int64_t chunk = 1;      // sixteens of tiles whose V is made at a time
  bool carries;           // one band, from where the range before ended
  UpPlan(const NestedUp& conv, RowRange out, int64_t threads, bool carries)
      : blocks(gemm::NestedBlocks(conv.out_channels, conv.late, threads)), splits(1), carries(carries) {
    if (conv.late || carries || conv.Rows() < kFewRows) splits = std::min(threads, blocks.count);
    // To wait for each other seldom; but V comes from the caches again for every block of channels.
    constexpr int64_t kChunkFloats = 3 << 17, kLateChunk = 2;
    if (splits > 1) chunk = std::max<int64_t>(1, kChunkFloats / (kNestedSlots * conv.slot()));
    if (conv.late && !carries) chunk = kLateChunk;
    const RowRange tiles = carries ? TileRowsAfter(conv, out) : TileRowsOf(conv, out);
    band_rows = tiles.end - tiles.begin;
    bands = 1;
    if (!carries) {
      bands = std::min((threads + splits - 1) / splits, tiles.end - tiles.begin);
      band_rows = (tiles.end - tiles.begin + bands - 1) / bands + 1;
    }
    const int64_t sixteens = (band_rows * conv.Columns() + kTile - 1) / kTile;
    chunk = std::clamp<int64_t>(sixteens, 1, chunk);
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

gemm::TransformedWeights WeightsOf(const NestedUp& conv, const UpPlan& plan, const float* packed) {
  return {plan.blocks, conv.in_channels, conv.late, &gemm::TransformUpWeights, packed};
}

// Memory: V of every band at work, then what each of its tasks has for itself.
struct UpLayout {
  int64_t v, u, m, stride, channel_kept, kept, bottom, carried, right_rows, right;
  int64_t bands, tasks;  // that have memory of their own
  UpLayout(const NestedUp& conv, const UpPlan& plan, int64_t threads) {
    constexpr int64_t kEdgeColumns = kNestedEdgePixels + 1;
    const int64_t channels = plan.SplitChannels(), rows = plan.blocks.MostRows();
    v = plan.chunk * kNestedSlots * conv.slot();
    u = WeightsOf(conv, plan, nullptr).MemoryFloats();
    m = std::max(rows * kNestedSlots * kTile + kTile,
                 3 * rows * kEdgeColumns + kEdgeColumns / kTile * conv.slot());
    stride = gemm::RoundUp(kPad + conv.width + 2 + 2 * kTile, kTile);
    channel_kept = kKeptRows * 2 * stride;
    kept = plan.carries ? 0 : channels * channel_kept;
    bottom = conv.bottom_edge() ? channels * 2 * stride : 0;
    carried = gemm::RoundUp(channels * kTileRows * 3, kTile);
    right_rows = conv.right_edge() ? kTileRows * plan.band_rows : 0;
    right = channels * right_rows;
    bands = plan.splits == 1 ? threads : plan.bands;
    tasks = bands * plan.splits;
  }
  int64_t TaskFloats() const { return u + m + stride + kept + bottom + carried + right; }
  int64_t Floats() const { return bands * v + tasks * TaskFloats(); }
};

// One task, in steps: Begin, then Transform and Multiply for each chunk, End. Between Transform and Multiply
// all tasks of the band must have arrived.
class UpTask {
 public:
  UpTask(const NestedUp& conv, const UpPlan& plan, const UpLayout& layout, const CpuCall& call,
         const Fir& fir, float* v, float* scratch, const UpRange& range)
      : conv_(conv),
        plan_(plan),
        blocks_(plan.blocks),
        weights_(WeightsOf(conv, plan, call.packed)),
        fir_(fir),
        range_(range),
        channel_kept_(layout.channel_kept) {
    x_ = call.in[ModConv::kX].data + range.sample * conv.in_channels * conv.plane;
    style_ = call.in[ModConv::kStyle].data + range.sample * conv.in_channels;
    v_ = v;
    u_ = scratch;
    m_ = u_ + layout.u;
    zeros_ = m_ + layout.m;
    state_.stride = layout.stride;
    state_.zeros = zeros_;
    state_.kept = zeros_ + layout.stride;
    state_.bottom = state_.kept + layout.kept;
    state_.carried = state_.bottom + layout.bottom;
    state_.right = state_.carried + layout.carried;
    state_.right_rows = layout.right_rows;
    state_.first_channel = blocks_.Row(plan.SplitBlock(range.split));
    if (plan.carries)
      state_.kept = call.carry + (range.sample * conv.out_channels + state_.first_channel) * channel_kept_;
  }

  int64_t Chunks() const {
    const int64_t tiles = (range_.tiles.end - range_.tiles.begin) * conv_.Columns();
    return (tiles + plan_.chunk * kTile - 1) / (plan_.chunk * kTile);
  }

  void Begin() {
    std::fill_n(zeros_, state_.stride, 0.0f);
    if (!plan_.carries || range_.rows.begin == 0)
      std::fill_n(state_.kept, (EndChannel() - state_.first_channel) * channel_kept_, 0.0f);
    if (conv_.right_edge()) RightEdge(range_.tiles.begin, range_.tiles.end);
  }

  // V of the chunk, this task's part of the input channels.
  void Transform(int64_t chunk) {
    const auto channel = [&](int64_t split) { return conv_.in_channels * split / plan_.splits; };
    ForGroups(chunk, [&](const UpGroup& group, float* v) {
      TransformUpInputs(conv_, group, x_, style_, channel(range_.split), channel(range_.split + 1), v);
    });
  }

  void Multiply(int64_t chunk, const gemm::Sink& sink) {
    for (int64_t b = BeginBlock(); b < EndBlock(); ++b) {
      const gemm::BlockWeights u = weights_.Of(b, u_);
      ForGroups(chunk, [&](const UpGroup& group, const float* v) {
        gemm::MultiplySlots(blocks_, b, conv_.in_channels, u, v, m_);
        FinishUpChannels(conv_, state_, fir_, range_, group, blocks_.Row(b), blocks_.Row(b + 1), m_, sink);
      });
    }
  }

  void End(const gemm::Sink& sink) {
    const bool last = range_.rows.begin < range_.rows.end && range_.rows.end > 2 * conv_.height - 2;
    if (!last || !conv_.bottom_edge()) return;
    BottomEdge();
    FinishUpBottom(conv_, state_, fir_, range_, state_.first_channel, EndChannel(), sink);
  }

 private:
  int64_t BeginBlock() const { return plan_.SplitBlock(range_.split); }
  int64_t EndBlock() const { return plan_.SplitBlock(range_.split + 1); }
  int64_t EndChannel() const { return blocks_.Row(EndBlock()); }

  // take(group, its V) for the sixteens of a chunk.
  template <class Take>
  void ForGroups(int64_t chunk, const Take& take) {
    const int64_t first = range_.tiles.begin * conv_.Columns(), end = range_.tiles.end * conv_.Columns();
    const int64_t begin = first + chunk * plan_.chunk * kTile;
    for (int64_t t = begin; t < std::min(end, begin + plan_.chunk * kTile); t += kTile) {
      take(GroupAt(t, std::min(end, t + kTile)), v_ + (t - begin) / kTile * kNestedSlots * conv_.slot());
    }
  }

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

  struct EdgeTap {
    int tap, weight;
  };
  static EdgeTap TapAt(int row, int column) {
    constexpr int kWeight[] = {gemm::kAtInfinity, gemm::kSingle, gemm::kAtZero};
    return {row * 3 + column, kWeight[row] * gemm::kNestedSideWeights + kWeight[column]};
  }
  // An edge of x, pixels [0, size) that lie `step` apart; t along it is
  //   t[2p] = w_first x[p-1] + w_second x[p],   t[2p+1] = w_single x[p]
  struct Edge {
    const float* pixels;
    int64_t step, size;
    EdgeTap first, second, single;
  };
  // Positions [begin, end) of all channels of the task: take(o, position, even, odd).
  template <class Take>
  void AlongEdge(const Edge& edge, int64_t begin, int64_t end, const Take& take) {
    const int64_t known = std::min(edge.size, end);  // pixels that are there; later ones may be in no memory
    float* const gathered = m_ + 3 * blocks_.MostRows() * (kNestedEdgePixels + 1);
    for (int64_t p = begin; p < end; p += kNestedEdgePixels) {
      const int64_t count = std::min(kNestedEdgePixels, end - p), columns = gemm::RoundUp(count + 1, kTile);
      for (int64_t i = 0; i < conv_.in_channels; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          const int64_t at = p - 1 + j;
          const bool inside = at >= 0 && at < known;
          gathered[j / kTile * conv_.slot() + i * kTile + j % kTile] =
              inside ? edge.pixels[i * conv_.plane + at * edge.step] * style_[i] : 0.0f;
        }
      }
      for (int64_t b = BeginBlock(); b < EndBlock(); ++b) {
        const int64_t floats = blocks_.Rows(b) * columns;
        float *first = m_, *second = m_ + floats, *single = m_ + 2 * floats;
        MultiplyTap(b, edge.first, gathered, columns, first);
        MultiplyTap(b, edge.second, gathered, columns, second);
        MultiplyTap(b, edge.single, gathered, columns, single);
        for (int64_t o = blocks_.Row(b); o < blocks_.Row(b + 1); ++o) {
          const int64_t row = (o - blocks_.Row(b)) * columns;
          for (int64_t j = 0; j < count; ++j) {
            take(o, p + j, second[row + j + 1] + first[row + j], single[row + j + 1]);
          }
        }
      }
    }
  }
  // One tap of a block of channels times gathered pixels.
  void MultiplyTap(int64_t block, const EdgeTap& tap, const float* gathered, int64_t columns,
                   float* sums) const {
    for (int64_t k = 0; k < conv_.in_channels; k += gemm::kDepth) {
      gemm::Multiply(blocks_.panels, {.depth = std::min(gemm::kDepth, conv_.in_channels - k),
                                      .a = weights_.Tap(block, tap.tap, tap.weight, k),
                                      .panel_begin = blocks_.Panel(block),
                                      .panel_end = blocks_.Panel(block + 1),
                                      .b = gathered + k * kTile,
                                      .b_tile_stride = conv_.slot(),
                                      .tiles = columns / kTile,
                                      .c = sums,
                                      .c_stride = columns,
                                      .accumulate = k > 0});
    }
  }

  // Column 2W of t, rows of tiles [first, end).
  void RightEdge(int64_t first, int64_t end) {
    const Edge edge = {x_ + conv_.width - 1, conv_.width, conv_.height,
                       TapAt(2, 2),          TapAt(0, 2), TapAt(1, 2)};
    AlongEdge(edge, first * kNestedTile, end * kNestedTile, [&](int64_t o, int64_t p, float even, float odd) {
      float* right = state_.Right(o) + 2 * (p - first * kNestedTile);
      right[0] = even;
      right[1] = odd;
    });
  }
  // Row 2H of t.
  void BottomEdge() {
    const Edge edge = {
        x_ + (conv_.height - 1) * conv_.width, 1, conv_.width, TapAt(2, 2), TapAt(2, 0), TapAt(2, 1)};
    for (int64_t o = state_.first_channel; o < EndChannel(); ++o) state_.Bottom(o, 1)[-1] = 0.0f;
    AlongEdge(edge, 0, conv_.width + 1, [&](int64_t o, int64_t p, float even, float odd) {
      state_.Bottom(o, 0)[p] = even;
      state_.Bottom(o, 1)[p] = odd;
    });
  }

  const NestedUp& conv_;
  const UpPlan& plan_;
  const gemm::ChannelBlocks& blocks_;
  gemm::TransformedWeights weights_;
  const Fir& fir_;
  UpRange range_;
  int64_t channel_kept_;
  const float *x_, *style_;
  float *v_, *u_, *m_, *zeros_;
  UpState state_;
};

}  // namespace

RowRange NestedUpRowsRead(const Shape& x, RowRange out) {
  const RowRange tiles = TileRowsAfter(NestedUp({nullptr, x}, Shape{1, x[1], 3, 3}, false), out);
  return {std::max<int64_t>(tiles.begin * kNestedTile - 1, 0), std::min(tiles.end * kNestedTile, x[2])};
}

void PackNestedUp(const Shape& weight_shape, bool late, const float* weight, float gain, float* packed) {
  const gemm::ChannelBlocks blocks = gemm::NestedBlocks(weight_shape[0], late, 1);
  const gemm::TransformedWeights weights(blocks, weight_shape[1], late, &gemm::TransformUpWeights, nullptr);
  weights.Pack(weight, gain, packed);
}

// Of all rows: fewer need no more.
int64_t NestedUpScratchFloats(const Shape& x, const Shape& weight, bool late, int threads, bool carries) {
  const NestedUp conv({nullptr, x}, weight, late);
  return UpLayout(conv, UpPlan(conv, {0, 2 * x[2]}, threads, carries), threads).Floats();
}

int64_t NestedUpCarryFloats(const Shape& x, const Shape& weight) {
  const NestedUp conv({nullptr, x}, weight, false);
  return x[0] * weight[0] * UpLayout(conv, UpPlan(conv, {0, 2 * x[2]}, 1, true), 1).channel_kept;
}

void NestedUpConv(const CpuCall& call, bool late, const Fir& fir, float* scratch, const gemm::Sink& sink) {
  const View<const float>& x = call.in[ModConv::kX];
  const NestedUp conv(x, call.in[ModConv::kWeight].shape, late);
  const RowRange out = call.OutRows();
  const int64_t threads = call.threads->threads(), samples = x.shape[0];
  const UpPlan plan(conv, out, threads, call.carry != nullptr);
  const UpLayout layout(conv, plan, threads);
  const auto task_of = [&](int64_t sample, int64_t band, int64_t split, int64_t place) {
    const RowRange rows = plan.carries ? out : plan.Band(conv, out, band);
    const RowRange tiles = plan.carries ? TileRowsAfter(conv, rows) : TileRowsOf(conv, rows);
    float* own = scratch + layout.bands * layout.v + (place * plan.splits + split) * layout.TaskFloats();
    return UpTask(conv, plan, layout, call, fir, scratch + place * layout.v, own,
                  {sample, rows, rows.begin < rows.end ? tiles : RowRange{}, split});
  };
  if (plan.splits == 1) {
    call.threads->ParallelFor(static_cast<int>(samples * plan.bands), [&](int t, int thread) {
      UpTask task = task_of(t / plan.bands, t % plan.bands, 0, thread);
      task.Begin();
      for (int64_t chunk = 0; chunk < task.Chunks(); ++chunk) {
        task.Transform(chunk);
        task.Multiply(chunk, sink);
      }
      task.End(sink);
    });
    return;
  }
  for (int64_t sample = 0; sample < samples; ++sample) {
    const auto for_tasks = [&](const auto& body) {
      call.threads->ParallelFor(static_cast<int>(layout.tasks), [&](int t, int) {
        UpTask task = task_of(sample, t / plan.splits, t % plan.splits, t / plan.splits);
        body(task);
      });
    };
    int64_t chunks = 1;
    for (int64_t band = 0; band < plan.bands; ++band)
      chunks = std::max(chunks, task_of(sample, band, 0, band).Chunks());
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      for_tasks([&](UpTask& task) {
        if (chunk == 0) task.Begin();
        task.Transform(chunk);
      });
      for_tasks([&](UpTask& task) {
        task.Multiply(chunk, sink);
        if (chunk + 1 == chunks) task.End(sink);
      });
    }
  }
}

}  // namespace mien
