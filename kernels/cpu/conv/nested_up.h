// The three vector parts of mod_conv_nested.cc: tiles of x transformed, the sums of a channel made a window
// of t and filtered, the last rows of the output.
#pragma once

#include "kernels/cpu/conv/nested.h"
#include "kernels/cpu/conv/fir.h"
#include "kernels/mod_conv/mod_conv_cpu.h"

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
  bool late;      // weights (cpu/conv/transformed.h)
  NestedUp(const View<const float>& x, const Shape& weight, bool late)
      : in_channels(weight[1]),
        out_channels(weight[0]),
        height(x.shape[2]),
        width(x.shape[3]),
        plane(x.Plane()),
        late(late) {}
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

// What a task works on: output rows of one sample, the rows of tiles it needs, a part of the output channels.
struct UpRange {
  int64_t sample;
  RowRange rows, tiles;
  int64_t split;
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

// V of a group, input channels [begin, end). x: the sample; style [I].
void TransformUpInputs(const NestedUp& conv, const UpGroup& group, const float* x, const float* style,
                       int64_t begin, int64_t end, float* v);
// Channels [begin, end) of a group, whose sums M holds.
void FinishUpChannels(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                      const UpGroup& group, int64_t begin, int64_t end, const float* m,
                      const gemm::Sink& sink);
// The last two output rows where row 2H of t lies in no tile.
void FinishUpBottom(const NestedUp& conv, const UpState& state, const Fir& fir, const UpRange& range,
                    int64_t begin, int64_t end, const gemm::Sink& sink);

}  // namespace mien
