// One driver for the convolutions by transformed tiles: V, the transformed inputs of a group of tiles; for each block
// of output channels M, the sums of the 36 products; and from M what the sink takes, while it is in the caches. A plan
// says how the work is cut, which changes no element's arithmetic, and brings the transforms.
#pragma once

#include <algorithm>

#include "kernels/cpu/conv/form.h"
#include "kernels/cpu/conv/transformed.h"

namespace mien::gemm {

constexpr int64_t kTileSide = 4;  // pixels of a tile along either axis
constexpr int64_t TilesAlong(int64_t pixels) { return (pixels + kTileSide - 1) / kTileSide; }

// At most sixteen tiles side by side in one row of tiles of one sample.
struct TileRun {
  const float* x;      // the sample
  const float* style;  // of the sample, or null
  int64_t sample, row, column, count;
  int64_t target;  // the first tile's column in the group
};
struct TileGroup {
  static constexpr int64_t kMostTiles = 64;
  int64_t columns = 0;  // the tiles, rounded up to kTile
  int runs = 0;
  TileRun run[kMostTiles];
};

// Tiles [begin, end) that follow each other, tile t at first_tile + t % sample_tiles of sample t / sample_tiles.
struct TileSequence {
  int64_t columns, first_tile, sample_tiles;
  int64_t begin, end;
};
TileGroup GroupAt(const ConvCall& call, const TileSequence& sequence, int64_t begin, int64_t end);

// V is made of tiles [k][16], this many floats apart; they keep out of each other's cache sets.
constexpr int64_t VTileFloats(int64_t in_channels) { return (in_channels + 1) * kTile; }

// Where one of the 36 products finds its tiles in V, and where it leaves its rows in M.
struct ProductPlace {
  int64_t v, v_tiles, m;
};

// What all plans say. A plan also has Sequence(index), PlaceOf(product, columns of the group), TransformInputs,
// TransformOutputs, and Begin and End of a task.
struct TilePlan {
  const ConvShape& conv;
  ChannelBlocks blocks;
  TransformWeights transform_weights;
  int64_t sequences = 1;        // of tiles, each computed in its order
  int64_t splits = 1;           // of the blocks: tasks that compute different channels of the same tiles
  int64_t together = 0;         // sequences at a time whose splits make V together; 0: every task makes its own
  int64_t group_tiles = kTile;  // multiplied at a time
  int64_t chunk_groups = 1;     // groups whose V is made at a time
  int64_t v_floats = 0, m_floats = 0;  // of a group
  int64_t m_stride = 0;                // from row to row of M
  int64_t state_floats = 0;            // what a sequence keeps from group to group

  TransformedWeights Weights(const float* packed) const {
    return {blocks, conv.in_channels, conv.on_the_fly, transform_weights, packed};
  }
  int64_t SplitBlock(int64_t split) const { return blocks.count * split / splits; }
  int64_t SplitChannel(int64_t split) const { return blocks.Row(SplitBlock(split)); }
  int64_t SequenceFloats() const { return chunk_groups * v_floats + state_floats; }
  int64_t OwnFloats() const { return m_floats + Weights(nullptr).MemoryFloats(); }
  int64_t Memories(int64_t threads) const { return together > 0 ? together : threads; }  // of sequences
  int64_t ScratchFloats(int64_t threads) const {
    return Memories(threads) * SequenceFloats() + threads * OwnFloats();
  }
};

// A part of the output channels of a sequence, with its memory.
struct TileTask {
  int64_t sequence, split;
  float *v, *state, *m, *u;
};

// The plan of a form whose tiles need nothing of each other, of all samples of a batch.
struct BatchPlan : TilePlan {
  // `rows` of tiles, `columns` in each. With weights on the fly all threads make V of some groups together.
  BatchPlan(const ConvShape& conv, ChannelBlocks blocks, TransformWeights transform, int64_t batch, RowRange rows,
            int64_t columns)
      : TilePlan{conv, blocks, transform},
        all{columns, rows.begin * columns, (rows.end - rows.begin) * columns, 0,
            batch * (rows.end - rows.begin) * columns} {}
  void Cut(int64_t threads, int64_t tiles_of_group, int64_t most_groups) {
    group_tiles = tiles_of_group;
    const int64_t groups = (all.end + group_tiles - 1) / group_tiles;
    sequences = conv.on_the_fly ? 1 : groups;
    splits = conv.on_the_fly ? std::min(threads, blocks.count) : SplitsOf(groups, blocks.count, threads);
    together = conv.on_the_fly ? 1 : 0;
    chunk_groups = conv.on_the_fly ? std::min(groups, most_groups) : 1;
  }
  TileSequence Sequence(int64_t index) const {
    TileSequence sequence = all;
    if (conv.on_the_fly) return sequence;
    sequence.begin = index * group_tiles;
    sequence.end = std::min(all.end, sequence.begin + group_tiles);
    return sequence;
  }
  void Begin(const ConvCall&, const TileTask&) const {}
  void End(const ConvCall&, const TileTask&) const {}

  TileSequence all;
};

template <class Plan>
class TileDriver {
 public:
  TileDriver(const Plan& plan, const ConvCall& call) : plan_(plan), call_(call), weights_(plan.Weights(call.packed)) {}

  void Run() const {
    if (plan_.together > 0) {
      for (int64_t first = 0; first < plan_.sequences; first += plan_.together) RunTogether(first);
      return;
    }
    call_.threads->ParallelFor(static_cast<int>(plan_.sequences * plan_.splits), [&](int t, int thread) {
      const TileTask task = TaskAt(t % plan_.sequences, t / plan_.sequences, thread, thread);
      plan_.Begin(call_, task);
      for (int64_t chunk = 0; chunk < Chunks(task.sequence); ++chunk) {
        Transform(task, chunk, 0, plan_.conv.in_channels);
        Multiply(task, chunk);
      }
      plan_.End(call_, task);
    });
  }

 private:
  // From a chunk's Transform to its Multiply, and on to the next Transform, all tasks wait for each other.
  void RunTogether(int64_t first) const {
    int64_t chunks = 1;
    for (int64_t s = 0; s < plan_.together; ++s) chunks = std::max(chunks, Chunks(first + s));
    const auto for_tasks = [&](const auto& body) {
      call_.threads->ParallelFor(static_cast<int>(plan_.together * plan_.splits), [&](int t, int thread) {
        body(TaskAt(first + t / plan_.splits, t % plan_.splits, t / plan_.splits, thread));
      });
    };
    const auto channel = [&](int64_t split) { return plan_.conv.in_channels * split / plan_.splits; };
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      for_tasks([&](const TileTask& task) {
        if (chunk == 0) plan_.Begin(call_, task);
        Transform(task, chunk, channel(task.split), channel(task.split + 1));
      });
      for_tasks([&](const TileTask& task) {
        Multiply(task, chunk);
        if (chunk + 1 == chunks) plan_.End(call_, task);
      });
    }
  }

  TileTask TaskAt(int64_t sequence, int64_t split, int64_t memory, int64_t thread) const {
    float* const v = call_.scratch + memory * plan_.SequenceFloats();
    float* const m = call_.scratch + plan_.Memories(call_.threads->threads()) * plan_.SequenceFloats() +
                     thread * plan_.OwnFloats();
    return {sequence, split, v, v + plan_.chunk_groups * plan_.v_floats, m, m + plan_.m_floats};
  }

  int64_t Chunks(int64_t sequence) const {
    const TileSequence tiles = plan_.Sequence(sequence);
    const int64_t chunk_tiles = plan_.chunk_groups * plan_.group_tiles;
    return (tiles.end - tiles.begin + chunk_tiles - 1) / chunk_tiles;
  }

  // take(group, its V) for the groups of a chunk.
  template <class Take>
  void ForGroups(const TileTask& task, int64_t chunk, const Take& take) const {
    const TileSequence tiles = plan_.Sequence(task.sequence);
    const int64_t chunk_tiles = plan_.chunk_groups * plan_.group_tiles;
    const int64_t begin = tiles.begin + chunk * chunk_tiles, end = std::min(tiles.end, begin + chunk_tiles);
    float* v = task.v;
    for (int64_t t = begin; t < end; t += plan_.group_tiles, v += plan_.v_floats)
      take(GroupAt(call_, tiles, t, std::min(end, t + plan_.group_tiles)), v);
  }

  // V of the chunk, input channels [begin, end).
  void Transform(const TileTask& task, int64_t chunk, int64_t begin, int64_t end) const {
    ForGroups(task, chunk,
              [&](const TileGroup& group, float* v) { plan_.TransformInputs(call_, group, begin, end, v); });
  }

  void Multiply(const TileTask& task, int64_t chunk) const {
    for (int64_t b = plan_.SplitBlock(task.split); b < plan_.SplitBlock(task.split + 1); ++b) {
      const BlockWeights u = weights_.Of(b, task.u);
      ForGroups(task, chunk, [&](const TileGroup& group, const float* v) {
        MultiplyBlock(b, u, group.columns, v, task.m);
        plan_.TransformOutputs(call_, task, group, plan_.blocks.Row(b), plan_.blocks.Row(b + 1));
      });
    }
  }

  // M of one block.
  void MultiplyBlock(int64_t block, const BlockWeights& u, int64_t columns, const float* v, float* m) const {
    const int64_t in_channels = plan_.conv.in_channels, rows = plan_.blocks.Rows(block);
    for (int64_t f = 0; f < kTransformed; ++f) {
      const ProductPlace place = plan_.PlaceOf(f, columns);
      for (int64_t k = 0; k < in_channels; k += kDepth) {
        const float* next = k + kDepth < in_channels ? v + place.v + (k + kDepth) * kTile
                                                     : v + plan_.PlaceOf((f + 1) % kTransformed, columns).v;
        gemm::Multiply(plan_.blocks.panels, {.depth = std::min(kDepth, in_channels - k),
                                             .a = u.u + f * u.stride + k * rows,
                                             .panel_begin = plan_.blocks.Panel(block),
                                             .panel_end = plan_.blocks.Panel(block + 1),
                                             .b = v + place.v + k * kTile,
                                             .b_tile_stride = VTileFloats(in_channels),
                                             .tiles = place.v_tiles,
                                             .c = m + place.m,
                                             .c_stride = plan_.m_stride,
                                             .accumulate = k > 0,
                                             .next_b = next});
      }
    }
  }

  const Plan& plan_;
  const ConvCall& call_;
  TransformedWeights weights_;
};

}  // namespace mien::gemm
