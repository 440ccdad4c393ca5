// Linear maps on rows by tensor cores: what rows_linear and rows_coupling share. Weights are the A operand,
// sixteen output features a tile; rows are the columns of B, eight a tile, so that a row never meets another.
// K runs in chunks of sixteen, of which a lane holds four numbers of one row side by side, one 16-byte load
// of fp32 rows; the weights are packed in that order.
//
// What takes time is the stream of weights, so multiplications are spent on digits: a number of a row, and a
// weight, is the sum of two tf32 numbers. Weights are floats in tf32, and in fp16 whole numbers of 16 bits on
// the scale of their feature, which are several times as exact as halves. So fp16 rounds the weights and
// nothing else, tf32 is nearly as exact as fp32, and no row overflows.
#pragma once

#include <vector>

#include "kernels/device/fragment.h"
#include "kernels/tensor/fast.h"

namespace mien {

constexpr int kTileFeatures = 16, kTileRows = 8, kChunkInputs = 16;

constexpr int FeatureTiles(int features) { return (features + kTileFeatures - 1) / kTileFeatures; }
// Row tiles of a block. A row's bits do not depend on it.
constexpr int BlockTiles(int rows) { return rows <= 72 ? 3 : 6; }
constexpr int RowBlocks(int rows) {
  return (rows + BlockTiles(rows) * kTileRows - 1) / (BlockTiles(rows) * kTileRows);
}
constexpr int InputChunks(int inputs) { return (inputs + kChunkInputs - 1) / kChunkInputs; }
constexpr int PaddedInputs(int inputs) { return InputChunks(inputs) * kChunkInputs; }

// Multiply-adds of a launch: three products of parts, margins included.
constexpr int64_t TileWork(int tiles, int inputs, int rows) {
  return int64_t{3} * tiles * kTileFeatures * PaddedInputs(inputs) * RowBlocks(rows) * BlockTiles(rows) *
         kTileRows;
}

// Bytes of the fragments of `tiles` tiles: by tile, chunk, 16-byte vector of a lane (fp16 1, tf32 2) and
// lane.
constexpr uint64_t FragmentBytes(Precision precision, int tiles, int inputs) {
  return uint64_t{kTileFeatures} * static_cast<uint64_t>(tiles) *
         static_cast<uint64_t>(PaddedInputs(inputs)) * static_cast<uint64_t>(ElementBytes(precision));
}

// The input of a chunk that column `column` of fragment A multiplies, in the chunk's step 0 or 1.
constexpr int ChunkInput(int step, int column) { return column % 4 * 4 + step * 2 + column / 4; }

// Lane l's four inputs 4 (l % 4) ... + 3 of row l / 4 are what B's two fragments hold.
constexpr bool VectorsAreFragments() {
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const Element e = FragmentBTf32(lane, i % 2);
      if (e.column != lane / 4 || ChunkInput(i / 2, e.row) != lane % 4 * 4 + i) return false;
    }
  }
  return true;
}
static_assert(VectorsAreFragments());

// Packs one tile. Row i holds `inputs` numbers, or is null: zeros. factors[i]: what its products are
// multiplied by.
void PackTile(Precision precision, const float* const (&rows)[kTileFeatures], int inputs, double gain,
              std::byte* fragments, float* factors);

// A norm of every column as three tables: y = (x - table[0]) table[1] + table[2].
enum class RowsNorm : uint8_t { kNone, kBatch, kFlow };
constexpr int kNormTensors =
    4;  // gamma, beta, mean, var of BatchNorm; unconstrained, bias, mean, var of FlowNorm
struct NormTables {
  std::vector<float> table[3];
  float logabsdet = 0.0f;  // of kFlow
};
NormTables TabulateNorm(RowsNorm kind, bool inverse, float eps, Inputs<float> norm);

}  // namespace mien
