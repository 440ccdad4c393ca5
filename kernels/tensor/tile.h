// The geometry of the implicit GEMM (implicit_gemm.cuh): rows are the pixels of a tile of the output, columns
// are output channels, K runs over chunks of 64 bytes of input channels (32 halves or 16 tf32 numbers, two
// steps of mma) and the taps of a window. Every index map is a constexpr function that host and device share,
// proven when it is compiled.
//
// Shared memory: the pixels that a tile reads (its halo), one chunk each, lie in slots of 64 bytes at a pitch
// of 80, so that eight neighbours start in eight different quarters of a row of banks for every tap. Weights
// lie in the order in which lanes need them (PackGemm), so that they are copied and read as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/device/fragment.h"
#include "kernels/tensor/fast.h"

namespace mien {

constexpr int kPieceBytes = 16;  // what cp.async copies and a row of ldmatrix has
constexpr int kChunkBytes = 64, kChunkPieces = kChunkBytes / kPieceBytes;
constexpr int kSlotBytes = kChunkBytes + kPieceBytes;
constexpr int kFragmentBytes = 32 * kPieceBytes;  // B of eight outputs and one chunk
constexpr int kBlockOutputs = 32;                 // packed together, all chunks and taps after each other
constexpr int kBlockTapBytes = kBlockOutputs * kChunkBytes;

constexpr int kMostSharedBytes = 99 << 10;  // of a block; the smallest of the architectures from sm_80 on

constexpr int DivideUp(int n, int by) { return (n + by - 1) / by; }

// Which pixels an output reads: kH x kW taps, outputs kS pixels apart. A step of the main loop takes kAtOnce
// taps. A window may send its taps to several sums, its parts (the phases of a transposed convolution).
template <int kH, int kW, int kS = 1, int kAtOnce = kW>
struct Window {
  static constexpr int kHeight = kH, kWidth = kW, kStride = kS;  // extent of the pixels that one output reads
  static constexpr int kOverlap = 0;  // rows and columns that neighbouring tiles share
  static constexpr int kUnread = 0;   // leading rows and columns that only feed outputs the filter discards
  static constexpr int kSteps = kH * kW / kAtOnce, kTaps = kAtOnce, kParts = 1;  // steps, taps of each
  static_assert(kSteps * kTaps == kH * kW);
  static constexpr int Row(int step, int tap) { return (step * kTaps + tap) / kW; }
  static constexpr int Column(int step, int tap) { return (step * kTaps + tap) % kW; }
  static constexpr int Part(int /*step*/, int /*tap*/) { return 0; }
};

// What a block computes: kTileHeight x kTileWidth pixels of kN outputs by kWarpsAlongM x kWarpsAlongN warps.
// kRing is the number of steps whose weights are in shared memory, kMinBlocks what registers are rationed
// for.
template <class W, int kTileHeight, int kTileWidth, int kN, int kWarpsAlongM, int kWarpsAlongN, int kRing = 2,
          int kMinBlocks = 1>
struct GemmTile {
  using Window = W;
  static constexpr int kHeight = kTileHeight, kWidth = kTileWidth, kPixels = kHeight * kWidth, kOutputs = kN;
  static constexpr int kWarpsM = kWarpsAlongM, kWarpsN = kWarpsAlongN, kWarps = kWarpsM * kWarpsN;
  static constexpr int kRowStep = kHeight - W::kOverlap, kColumnStep = kWidth - W::kOverlap;  // to the next
  static constexpr int kThreads = 32 * kWarps, kBlocks = kMinBlocks, kStages = kRing;
  static constexpr int kFragmentsM = kPixels / 16 / kWarpsM,
                       kFragmentsN = kOutputs / 8 / kWarpsN;  // of a warp
  static_assert(kFragmentsM * kWarpsM * 16 == kPixels && kFragmentsN * kWarpsN * 8 == kOutputs);
  static_assert(16 % kWidth == 0 && kStages >= 2 && kStages - 1 <= W::kSteps);

  // The halo. With stride 2 the even columns lie before the odd ones: what neighbours read are neighbours.
  static constexpr int kHaloHeight = (kHeight - 1) * W::kStride + W::kHeight;
  static constexpr int kHaloWidth = (kWidth - 1) * W::kStride + W::kWidth;
  static constexpr int kFirstColumns = DivideUp(kHaloWidth, W::kStride);  // columns 0, stride, 2 stride, ...
  static constexpr int Slot(int column) { return column % W::kStride * kFirstColumns + column / W::kStride; }
  static constexpr int Column(int slot) {
    return slot < kFirstColumns ? slot * W::kStride : (slot - kFirstColumns) * W::kStride + 1;
  }

  // Row r of the GEMM is pixel (r / kWidth, r % kWidth). Eight rows as ldmatrix takes them, halo rows at
  // `row_bytes`.
  static constexpr bool ReadsWithoutConflict(int row_bytes) {
    for (int first = 0; first < kPixels; first += 8) {
      unsigned quarters = 0;
      for (int r = first; r < first + 8; ++r) {
        const int offset = r / kWidth * W::kStride * row_bytes + r % kWidth * kSlotBytes;
        quarters |= 1u << offset / kPieceBytes % 8;
      }
      if (quarters != 0xff) return false;
    }
    return true;
  }
  static constexpr int RowBytes() {
    int bytes = kHaloWidth * kSlotBytes;
    while (!ReadsWithoutConflict(bytes)) bytes += kPieceBytes;
    return bytes;
  }
  static constexpr int kRowBytes = RowBytes();
  static constexpr int HaloOffset(int row, int column) { return row * kRowBytes + Slot(column) * kSlotBytes; }
  // Offset of GEMM row r; a tap adds HaloOffset of its own row and column.
  static constexpr int RowOffset(int r) {
    return HaloOffset(r / kWidth * W::kStride, r % kWidth * W::kStride);
  }

  static constexpr int kHaloBytes = kHaloHeight * kRowBytes;
  // The part of the halo that is copied, its pixels p in the order of slots.
  static constexpr int kCopyWidth = kHaloWidth - W::kUnread;
  static constexpr int kCopyPixels = (kHaloHeight - W::kUnread) * kCopyWidth;
  static constexpr int kCopyFirst = HaloOffset(W::kUnread, W::kUnread);
  static constexpr int CopyOffset(int p) {                        // from there
    constexpr int kRowEnd = kRowBytes - kCopyWidth * kSlotBytes;  // 0 in most tiles
    return p * kSlotBytes + p / kCopyWidth * kRowEnd;
  }
  // The weights of a step: [32 outputs][tap][eight outputs][lane].
  static constexpr int kStretchBytes = W::kTaps * kBlockTapBytes;  // of 32 outputs
  static constexpr int kStageBytes = kOutputs / kBlockOutputs * kStretchBytes;
  // Warps that copy the stretches of the same 32 outputs, each a run of whole fragments, if need be without
  // some.
  static constexpr int kBlockWarps = kWarps / (kOutputs / kBlockOutputs);
  static_assert(kBlockWarps * (kOutputs / kBlockOutputs) == kWarps);
  static constexpr int CopyWarps() {
    int warps = kBlockWarps;
    while (kStretchBytes / kFragmentBytes % warps != 0) --warps;
    return warps;
  }
  static constexpr int kCopyWarps = CopyWarps(), kRunBytes = kStretchBytes / kCopyWarps;
  static constexpr int WeightOffset(int fragment) {
    return fragment / 4 * kStretchBytes + fragment % 4 * kFragmentBytes;
  }
  static_assert(kFragmentsN % 4 == 0 || 4 % kFragmentsN == 0);  // so that a warp's offsets add up
  static constexpr int kTableBytes = DivideUp(kCopyPixels * 4, kPieceBytes) * kPieceBytes;
  static constexpr int PipelineBytes(int chunks) {
    return kTableBytes + kStages * kStageBytes + (chunks > 1 ? 2 : 1) * kHaloBytes;
  }

  // The result tile: a row of kOutputs elements per pixel, at a pitch that lets a fragment be written at
  // once.
  static constexpr int ResultPitch(int element_bytes) { return kOutputs * element_bytes + 8 * element_bytes; }
  static constexpr int SharedBytes(int chunks, int element_bytes) {
    const int result = kPixels * ResultPitch(element_bytes), pipeline = PipelineBytes(chunks);
    return result > pipeline ? result : pipeline;
  }
};

// Which pixel of a group of eight, and which of its four pieces, a lane copies: whole sectors of 32 bytes in
// global memory, and eight different quarters in slots for the eight lanes that write at once.
struct PixelPiece {
  int pixel, piece;
};
constexpr PixelPiece CopyOf(int lane) { return {lane / 2 % 4 * 2 + lane / 16, lane % 2 + lane / 8 % 2 * 2}; }
constexpr bool CopiesAreSound() {
  unsigned seen = 0;
  for (int first = 0; first < 32; first += 8) {
    unsigned quarters = 0;
    for (int lane = first; lane < first + 8; ++lane) {
      const PixelPiece p = CopyOf(lane);
      seen |= 1u << (p.pixel * kChunkPieces + p.piece);
      quarters |= 1u << (p.pixel * kSlotBytes / kPieceBytes + p.piece) % 8;
    }
    if (quarters != 0xff) return false;
  }
  return seen == 0xffffffffu;
}
static_assert(CopiesAreSound());

// Every pixel of the halo has a slot of its own inside the halo, and every tap of every row is the pixel it
// should be.
template <class Tile>
constexpr bool HaloIsSound() {
  using W = typename Tile::Window;
  bool seen[Tile::kHaloHeight * Tile::kRowBytes / kPieceBytes] = {};
  for (int row = 0; row < Tile::kHaloHeight; ++row) {
    for (int column = 0; column < Tile::kHaloWidth; ++column) {
      const int place = Tile::HaloOffset(row, column) / kPieceBytes;
      if (Tile::Column(Tile::Slot(column)) != column) return false;
      for (int piece = 0; piece < kChunkPieces; ++piece) {
        if (place + piece >= Tile::kHaloBytes / kPieceBytes || seen[place + piece]) return false;
        seen[place + piece] = true;
      }
    }
  }
  for (int r = 0; r < Tile::kPixels; ++r) {
    for (int tap = 0; tap < W::kSteps * W::kTaps; ++tap) {
      const int row = W::Row(tap / W::kTaps, tap % W::kTaps),
                column = W::Column(tap / W::kTaps, tap % W::kTaps);
      const int y = r / Tile::kWidth * W::kStride + row, x = r % Tile::kWidth * W::kStride + column;
      if (row >= W::kHeight || column >= W::kWidth) return false;
      if (Tile::RowOffset(r) + Tile::HaloOffset(row, column) != Tile::HaloOffset(y, x)) return false;
    }
  }
  return true;
}

// Lanes of a fragment, two neighbouring elements each, write the result tile without conflict: 32 lanes of 4
// bytes, or twice 16 of 8.
template <class Tile>
constexpr bool ResultIsSound(int element_bytes) {
  const int at_once = element_bytes == 2 ? 32 : 16, words = element_bytes / 2;
  for (int first = 0; first < 32; first += at_once) {
    unsigned banks = 0;
    for (int lane = first; lane < first + at_once; ++lane) {
      const Element e = FragmentC(lane, 0);
      const int word = (e.row * Tile::ResultPitch(element_bytes) + e.column * element_bytes) / 4;
      for (int w = 0; w < words; ++w) banks |= 1u << (word + w) % 32;
    }
    if (banks != 0xffffffffu) return false;
  }
  return true;
}

// Packed weights: [chunk][tap][eight outputs][lane][16 bytes], the fragments of B for the two steps of mma in
// a chunk. Input within the chunk and output of element i of a lane's bytes:
constexpr Element PackedHalf(int lane, int i) {
  const Element e = FragmentBHalf(lane, i % 4);
  return {i / 4 * 16 + e.row, e.column};
}
constexpr Element PackedTf32(int lane, int i) {
  const Element e = FragmentBTf32(lane, i % 2);
  return {i / 2 * 8 + e.row, e.column};
}
static_assert(CoversOnce(PackedHalf, 8, 32, 8));
static_assert(CoversOnce(PackedTf32, 4, 16, 8));

// Outputs are padded to what some tile takes.
constexpr int GemmOutputs(int outputs) {
  return outputs <= 64 ? DivideUp(outputs, 32) * 32 : DivideUp(outputs, 128) * 128;
}
constexpr int GemmChunks(Precision precision, int inputs) {
  return DivideUp(inputs * ElementBytes(precision), kChunkBytes);
}
constexpr uint64_t GemmWeightBytes(Precision precision, int inputs, int outputs, int taps) {
  return uint64_t{kChunkBytes} * static_cast<uint64_t>(GemmChunks(precision, inputs)) *
         static_cast<uint64_t>(taps) * static_cast<uint64_t>(GemmOutputs(outputs));
}

// What a map or a packed weight of the precision holds for `value`.
void StoreElement(Precision precision, float value, std::byte* to);

// Packs weight(output, input, tap); taps by step and tap of the window. Zeros beyond inputs and outputs.
template <class Weight>
void PackGemm(Precision precision, int inputs, int outputs, int taps, const Weight& weight,
              std::byte* packed) {
  const int element = ElementBytes(precision), elements = kPieceBytes / element,
            depth = kChunkBytes / element;
  const int chunks = GemmChunks(precision, inputs), padded = GemmOutputs(outputs);
  std::memset(packed, 0, GemmWeightBytes(precision, inputs, outputs, taps));
  for (int i = 0; i < padded / 8 * chunks * taps; ++i, packed += kFragmentBytes) {
    const int in_block = i / 4, tap = in_block % taps, chunk = in_block / taps % chunks;
    const int first = in_block / taps / chunks * kBlockOutputs + i % 4 * 8;
    for (int e = 0; e < 32 * elements; ++e) {
      const Element at = precision == Precision::kHalf ? PackedHalf(e / elements, e % elements)
                                                       : PackedTf32(e / elements, e % elements);
      const int input = chunk * depth + at.row, output = first + at.column;
      if (input < inputs && output < outputs)
        StoreElement(precision, weight(output, input, tap), packed + e * element);
    }
  }
}

// How a layer is cut into blocks. Chosen by the shape of one sample alone.
struct GemmGrid {
  int tile_rows = 0, tile_columns = 0;  // tiles of pixels
  int output_tiles = 0;
  int splits = 1, split_chunks = 0;  // parts of K that run beside each other, chunks of each
  constexpr int tiles() const { return tile_rows * tile_columns; }
};

// height, width: of the outputs. K is split where the tiles alone would leave most of a large device idle, into
// at most `most_splits`; not in two, for that moves more bytes in partial sums than it saves time. A tile that
// has no room for a second halo takes a chunk and no more.
template <class Tile>
constexpr GemmGrid GridOf(int height, int width, int padded_outputs, int chunks, int most_splits) {
  GemmGrid grid = {DivideUp(height, Tile::kRowStep), DivideUp(width, Tile::kColumnStep),
                   padded_outputs / Tile::kOutputs};
  const int enough = kEnoughBlocks / (grid.tiles() * grid.output_tiles);
  const int wanted = enough < most_splits ? enough : most_splits;
  grid.split_chunks = Tile::PipelineBytes(2) > kMostSharedBytes ? 1
                      : wanted <= 2                             ? chunks
                                    : DivideUp(chunks, wanted < chunks ? wanted : chunks);
  grid.splits = DivideUp(chunks, grid.split_chunks);
  return grid;
}

// Bytes of partial sums, and what a layer costs but for its epilogue's operands.
template <class Tile>
constexpr uint64_t PartialBytes(const GemmGrid& grid, int batch) {
  if (grid.splits == 1) return 0;
  return sizeof(float) * uint64_t{Tile::kPixels * Tile::kOutputs * Tile::Window::kParts} *
         static_cast<uint64_t>(grid.tiles() * grid.output_tiles) * static_cast<uint64_t>(grid.splits * batch);
}
template <class Tile>
constexpr int64_t GemmMultiplyAdds(Precision precision, const GemmGrid& grid, int chunks, int batch) {
  const int64_t depth =
      int64_t{chunks} * (kChunkBytes / ElementBytes(precision)) * Tile::Window::kSteps * Tile::Window::kTaps;
  return depth * Tile::kPixels * Tile::kOutputs * grid.tiles() * grid.output_tiles * batch;
}

}  // namespace mien
