// Convolutions as matrix products on tensor cores. A block computes one tile (tile.h) of one sample: the halo
// of a chunk of channels is copied to shared memory once and serves all taps, the weights of the next steps
// arrive while this step's are multiplied. What happens to the sums is the epilogue's business, a struct of
// statics:
//
//   struct Epilogue {
//     struct Params {...};   // plain data
//     template <class Tile, class Element>
//     static __device__ void Finish(const Params&, const OutputPlace&, Sums<Tile>&, std::byte* shared);
//   };
//
// `shared` has Tile::SharedBytes and is free. With K split, the blocks of all parts leave their sums in
// scratch, and ReduceGemm adds them in the order of the parts and runs the same epilogue with the same
// threads.
#pragma once

#include <utility>

#include "kernels/cuda/ptx.cuh"
#include "kernels/tensor/element.cuh"
#include "kernels/tensor/run.cuh"
#include "kernels/tensor/tile.h"

namespace mien::MIEN_EXECUTOR {

// A warp's sums: part, fragments of pixels, fragments of outputs, element of fragment C.
template <class Tile>
struct Sums {
  float value[Tile::Window::kParts][Tile::kFragmentsM][Tile::kFragmentsN][4];
};

// What one block multiplies.
struct GemmWork {
  const std::byte* x;              // the sample's map, at the first channel that is read
  const std::byte* weights;        // of the first chunk, at the tile's first output
  int height, width;               // of the map
  int pixel_bytes, channel_bytes;  // from a pixel to the next; read of each
  int row, column;                 // of the halo's first pixel in the map; may be negative
  int block_bytes;                 // from the weights of 32 outputs to those of the next
  int first_chunk, chunks;
};

// Where the pixels of the halo that are copied come from, in bytes from w.x, in the order of slots. In shared
// memory, because registers are for sums. 32 bits are enough: larger maps are refused (graph/lowering/lowering.cc).
constexpr int kNoSource = -kPieceBytes;  // outside the image; any negative number that is aligned
template <class Tile>
__device__ inline void FindHalo(const GemmWork& w, int* source) {
  constexpr int kFirst = Tile::Window::kUnread;
  for (int i = ThreadIndex(); Inside(i, Tile::kCopyPixels); i += Tile::kThreads) {
    const int row = w.row + kFirst + i / Tile::kCopyWidth;
    const int column = w.column + Tile::Column(kFirst + i % Tile::kCopyWidth);
    const bool inside = Inside(row, w.height) && Inside(column, w.width);
    source[i] = inside ? (row * w.width + column) * w.pixel_bytes : kNoSource;
  }
}

// One chunk of the halo; zeros outside the image and for channels that the last chunk has not.
template <class Tile>
__device__ inline void CopyHalo(const GemmWork& w, const int* source, int chunk, std::byte* halo) {
  const PixelPiece own = CopyOf(LaneIndex());
  const int channel = chunk * kChunkBytes + own.piece * kPieceBytes;
  const std::byte* const x = w.x + channel;
  const bool channels = Inside(channel, w.channel_bytes);
  constexpr int kAtOnce = 8 * Tile::kWarps, kCopies = DivideUp(Tile::kCopyPixels, kAtOnce);
  const auto pixel = [&](int i) { return WarpIndex() * 8 + own.pixel + i * kAtOnce; };
  // Where the thread's copies are whole rows apart, only the place of the first is computed.
  constexpr bool kWholeRows = kAtOnce % Tile::kCopyWidth == 0;
  std::byte* const first =
      halo + (Tile::kCopyFirst + Tile::CopyOffset(kWholeRows ? pixel(0) : 0) + own.piece * kPieceBytes);
  const auto place = [&](int i) { return Tile::CopyOffset(kWholeRows ? i * kAtOnce : pixel(i)); };
  const auto in_halo = [&](int i) {
    return (i + 1) * kAtOnce <= Tile::kCopyPixels || Inside(pixel(i), Tile::kCopyPixels);
  };
  int from[kCopies];
  MIEN_UNROLL
  for (int i = 0; i < kCopies; ++i) from[i] = in_halo(i) ? source[pixel(i)] : kNoSource;
  MIEN_UNROLL
  for (int i = 0; i < kCopies; ++i) {
    const std::byte* const at = x + static_cast<unsigned>(from[i]);  // not read where there is no source
    const bool valid = channels && from[i] >= 0;
    if (in_halo(i)) AsyncCopy<kPieceBytes>(first + place(i), at, valid);
  }
}

// The weights of one step; `source` and `stage` are this lane's first piece.
template <class Tile>
__device__ inline void CopyWeights(const std::byte* source, std::byte* stage) {
  MIEN_UNROLL
  for (int i = 0; i < Tile::kRunBytes; i += kFragmentBytes)
    AsyncCopy<kPieceBytes>(stage + i, source + i, true);
}

template <class Element>
__device__ inline void MultiplyFragments(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  const unsigned b[2] = {b0, b1};
  if constexpr (sizeof(Element) == 2)
    MultiplyHalf(sum, a, b);
  else
    MultiplyTf32(sum, a, b);
}

// A warp's pixels at one tap, for the two steps of mma in a chunk.
template <class Tile>
using Pixels = unsigned[2][Tile::kFragmentsM][4];

// One tap of one chunk. a: this lane's row of the warp's first fragment, at the tap; b: this lane's weights.
// load: `pixels` is stale and must be loaded first.
template <class Tile, class Element>
__device__ inline void MultiplyTap(const std::byte* a, const std::byte* b, bool load, Pixels<Tile>& pixels,
                                   float (&sum)[Tile::kFragmentsM][Tile::kFragmentsN][4]) {
  MIEN_UNROLL
  for (int i = 0; i < 2 * Tile::kFragmentsM && load; ++i)
    LoadMatrices(pixels[i % 2][i / 2], a + Tile::RowOffset(16 * (i / 2)) + i % 2 * 2 * kPieceBytes);
  MIEN_UNROLL
  for (int n = 0; n < Tile::kFragmentsN; ++n) {
    const uint4 weights = LoadVector<uint4>(b + Tile::WeightOffset(n));
    MIEN_UNROLL
    for (int m = 0; m < Tile::kFragmentsM; ++m) {
      MultiplyFragments<Element>(sum[m][n], pixels[0][m], weights.x, weights.y);
    }
    MIEN_UNROLL
    for (int m = 0; m < Tile::kFragmentsM; ++m) {
      MultiplyFragments<Element>(sum[m][n], pixels[1][m], weights.z, weights.w);
    }
  }
}

// Where the weights of step `step` of a chunk lie in the ring, when those of its first step lie at `first`.
// Where a chunk takes whole rounds, its stages are constants.
template <class Tile>
__device__ inline int StageOffset(int first, int step) {
  const int offset = step % Tile::kStages * Tile::kStageBytes;
  if constexpr (Tile::Window::kSteps % Tile::kStages == 0) return offset;
  const int sum = first + offset;
  return sum >= Tile::kStages * Tile::kStageBytes ? sum - Tile::kStages * Tile::kStageBytes : sum;
}

// Calls body(std::integral_constant<int, i>()) for i = 0 .. kCount - 1.
template <class Body, int... i>
__device__ inline void Unrolled(std::integer_sequence<int, i...>, const Body& body) {
  (body(std::integral_constant<int, i>()), ...);
}

// sums += the tile's product over the chunks of `w`. Shared memory: places of the halo's pixels, weights
// of kStages steps, one or two halos. On return other warps may still be reading it.
template <class Tile, class Element>
__device__ inline void MultiplyTile(const GemmWork& w, std::byte* shared, Sums<Tile>& sums) {
  using W = typename Tile::Window;
  static_assert(HaloIsSound<Tile>());
  constexpr int kAhead = Tile::kStages - 1, kRingBytes = Tile::kStages * Tile::kStageBytes;
  int* const source = reinterpret_cast<int*>(shared);
  FindHalo<Tile>(w, source);
  const int lane = LaneIndex(), block = WarpIndex() / Tile::kBlockWarps,
            run = WarpIndex() % Tile::kBlockWarps;
  const int own = run * Tile::kRunBytes + lane * kPieceBytes;  // of a stretch of weights
  const bool copies = Tile::kCopyWarps == Tile::kBlockWarps || Inside(run, Tile::kCopyWarps);
  const std::byte* next =
      w.weights + block * w.block_bytes + w.first_chunk * (W::kSteps * Tile::kStretchBytes) + own;
  std::byte *const ring = shared + Tile::kTableBytes, *const halos = ring + kRingBytes;
  std::byte* const own_ring = ring + block * Tile::kStretchBytes + own;
  __syncthreads();  // source: written by all threads | read by CopyHalo
  CopyHalo<Tile>(w, source, w.first_chunk, halos);
  MIEN_UNROLL
  for (int step = 0; step < kAhead; ++step, next += Tile::kStretchBytes) {
    if (copies) CopyWeights<Tile>(next, own_ring + step * Tile::kStageBytes);
    AsyncGroupEnd();
  }
  const int first_row = WarpIndex() / Tile::kWarpsN * Tile::kFragmentsM * 16;
  const std::byte* a =
      halos + Tile::RowOffset(first_row) + Tile::RowOffset(lane % 16) + lane / 16 * kPieceBytes;
  const std::byte* const b =
      ring + Tile::WeightOffset(WarpIndex() % Tile::kWarpsN * Tile::kFragmentsN) + lane * kPieceBytes;
  int first_stage = 0, halo = 0;  // of this chunk: where its first step's weights and its halo are
  int chunk = w.first_chunk;
  for (int left = w.chunks; left > 0; --left, ++chunk) {
    const bool more = left > 1;
    Pixels<Tile> pixels;
    Unrolled(std::make_integer_sequence<int, W::kSteps>(), [&](auto step) {
      AsyncGroupWait<kAhead - 1>();
      __syncthreads();  // this step's weights and halo: landed in all threads, the last step's read | read,
                        // overwritten
      if (copies && (step + kAhead < W::kSteps || more)) {
        CopyWeights<Tile>(next, own_ring + StageOffset<Tile>(first_stage, step + kAhead));
        next += Tile::kStretchBytes;
      }
      if (step == 0 && more) CopyHalo<Tile>(w, source, chunk + 1, halos + (halo ^ Tile::kHaloBytes));
      AsyncGroupEnd();  // empty in the last steps, so that the wait counts alike in every step
      const std::byte* const weights = b + StageOffset<Tile>(first_stage, step);
      MIEN_UNROLL
      for (int tap = 0; tap < W::kTaps; ++tap) {
        const auto place = [](int i) {
          return Tile::HaloOffset(W::Row(i / W::kTaps, i % W::kTaps), W::Column(i / W::kTaps, i % W::kTaps));
        };
        const int i = step * W::kTaps + tap;
        const bool other = i == 0 || place(i) != place(i - 1);
        MultiplyTap<Tile, Element>(a + place(i), weights + tap * kBlockTapBytes, other, pixels,
                                   sums.value[W::Part(step, tap)]);
      }
    });
    first_stage = StageOffset<Tile>(first_stage, W::kSteps);
    a += halo == 0 ? Tile::kHaloBytes : -Tile::kHaloBytes;
    halo ^= Tile::kHaloBytes;
  }
}

// Where a block's tile lies in the map of outputs.
struct OutputPlace {
  int sample, row, column, channel;
  int height, width;  // of the whole map
};

// Row of the tile and first of two channels that a lane's sums belong to: value[part][m][n][2 * half] and the
// next.
template <class Tile>
__device__ inline int SumRow(int m, int half) {
  return (WarpIndex() / Tile::kWarpsN * Tile::kFragmentsM + m) * 16 + half * 8 + LaneIndex() / 4;
}
template <class Tile>
__device__ inline int SumChannel(int n) {
  return (WarpIndex() % Tile::kWarpsN * Tile::kFragmentsN + n) * 8 + LaneIndex() % 4 * 2;
}

// Index of the tile's row r in a plane of the outputs, negative beyond it.
template <class Tile>
__device__ inline int PixelOf(const OutputPlace& place, int r) {
  const int row = place.row + r / Tile::kWidth, column = place.column + r % Tile::kWidth;
  return Inside(row, place.height) && Inside(column, place.width) ? row * place.width + column : -1;
}

template <class Element>
__device__ inline void StorePair(std::byte* to, float first, float second) {
  if constexpr (sizeof(Element) == 2) {
    StoreVector(to, __floats2half2_rn(first, second));
  } else {
    StoreVector(to, make_float2(__uint_as_float(ToTf32(first)), __uint_as_float(ToTf32(second))));
  }
}

// Writes one part of the sums into the sample's map `to`, `stored` channels of pixels that are
// `pixel_elements` apart, through the result tile in `shared`, which no thread may be using; other warps may
// still be reading it on return.
template <class Tile, class Element>
__device__ inline void StoreResult(const OutputPlace& place,
                                   const float (&sum)[Tile::kFragmentsM][Tile::kFragmentsN][4],
                                   std::byte* shared, Element* to, int stored, int pixel_elements) {
  constexpr int kPitch = Tile::ResultPitch(sizeof(Element)),
                kPieceElements = kPieceBytes / int{sizeof(Element)};
  constexpr int kPieces = Tile::kOutputs / kPieceElements;  // of a row
  static_assert(ResultIsSound<Tile>(sizeof(Element)) && Tile::kPixels * kPieces % Tile::kThreads == 0);
  MIEN_UNROLL
  for (int m = 0; m < Tile::kFragmentsM; ++m) {
    MIEN_UNROLL
    for (int n = 0; n < Tile::kFragmentsN; ++n) {
      std::byte* const at = shared + SumRow<Tile>(m, 0) * kPitch + SumChannel<Tile>(n) * int{sizeof(Element)};
      StorePair<Element>(at, sum[m][n][0], sum[m][n][1]);
      StorePair<Element>(at + 8 * kPitch, sum[m][n][2], sum[m][n][3]);
    }
  }
  __syncthreads();  // result tile: written as fragments by all warps | read below in rows
  MIEN_UNROLL
  for (int i = 0; i < Tile::kPixels * kPieces / Tile::kThreads; ++i) {
    const int index = ThreadIndex() + i * Tile::kThreads;
    const bool narrow = kPieces == kChunkPieces;  // rows as in the halo
    const int r = narrow ? index / 32 * 8 + CopyOf(LaneIndex()).pixel : index / kPieces;
    const int piece = narrow ? CopyOf(LaneIndex()).piece : index % kPieces;
    const int pixel = PixelOf<Tile>(place, r), channel = place.channel + piece * kPieceElements;
    if (pixel < 0 || !Inside(channel, stored)) continue;
    StoreVector(to + int64_t{pixel} * pixel_elements + channel,
                LoadVector<uint4>(shared + r * kPitch + piece * kPieceBytes));
  }
}

// One launch: a convolution of a batch, in groups where the tiles of outputs do not all read the same
// channels.
struct GemmLayer {
  const std::byte *x, *weights;  // map [batch,height,width,...]; PackGemm's bytes, one group after the other
  float* partial;                // PartialBytes() where K is split
  int height, width;             // of x
  int pixel_bytes, channel_bytes;  // of a pixel of x; of a group's inputs in it
  int top, left;                   // rows and columns of zeros before the first
  int out_height, out_width;
  int group_outputs;  // padded (GemmOutputs)
  int chunks;         // of a group's inputs
  GemmGrid grid;
};

template <class Epilogue>
struct GemmParams {
  GemmLayer layer;
  typename Epilogue::Params epilogue;
};

template <class Tile>
__device__ inline OutputPlace PlaceOf(const GemmLayer& layer, int sample) {
  const int tile = static_cast<int>(blockIdx.x), row = tile / layer.grid.tile_columns;
  return {sample,
          row * Tile::kRowStep,
          tile % layer.grid.tile_columns * Tile::kColumnStep,
          static_cast<int>(blockIdx.y) * Tile::kOutputs,
          layer.out_height,
          layer.out_width};
}

// Sums of part `split` of this block's tile, four by four: [tile][split][i][thread].
template <class Tile>
__device__ inline float4* PartialOf(const GemmLayer& layer, int sample, int split) {
  constexpr int kVectors = Tile::Window::kParts * Tile::kFragmentsM * Tile::kFragmentsN;
  const int64_t tile = (int64_t{sample} * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  return reinterpret_cast<float4*>(layer.partial) +
         (tile * layer.grid.splits + split) * (kVectors * Tile::kThreads) + ThreadIndex();
}

// body(sums of one fragment, its number) for all of a warp's fragments.
template <class Tile, class Body>
__device__ inline void ForEachFragment(Sums<Tile>& sums, const Body& body) {
  MIEN_UNROLL
  for (int part = 0; part < Tile::Window::kParts; ++part) {
    MIEN_UNROLL
    for (int m = 0; m < Tile::kFragmentsM; ++m) {
      MIEN_UNROLL
      for (int n = 0; n < Tile::kFragmentsN; ++n)
        body(sums.value[part][m][n], (part * Tile::kFragmentsM + m) * Tile::kFragmentsN + n);
    }
  }
}

// Grid (tiles of pixels, tiles of outputs, samples x splits).
template <class Tile, class Element, class Epilogue>
__global__ __launch_bounds__(Tile::kThreads, Tile::kBlocks) void ImplicitGemm(GemmParams<Epilogue> p) {
  MIEN_DYNAMIC_SHARED(std::byte, shared);
  using W = typename Tile::Window;
  const GemmLayer& layer = p.layer;
  const int splits = layer.grid.splits, sample = static_cast<int>(blockIdx.z) / splits;
  const int split = static_cast<int>(blockIdx.z) % splits;
  const OutputPlace place = PlaceOf<Tile>(layer, sample);
  const int group = place.channel / layer.group_outputs;
  GemmWork w;
  w.x = layer.x + int64_t{sample} * layer.height * layer.width * layer.pixel_bytes +
        group * layer.channel_bytes;
  w.block_bytes = layer.chunks * (W::kSteps * W::kTaps * kBlockTapBytes);
  w.weights = layer.weights + int64_t{place.channel / kBlockOutputs} * w.block_bytes;
  w.height = layer.height;
  w.width = layer.width;
  w.pixel_bytes = layer.pixel_bytes;
  w.channel_bytes = layer.channel_bytes;
  w.row = place.row * W::kStride - layer.top;
  w.column = place.column * W::kStride - layer.left;
  w.first_chunk = split * layer.grid.split_chunks;
  w.chunks = min(layer.grid.split_chunks, layer.chunks - w.first_chunk);
  Sums<Tile> sums = {};
  MultiplyTile<Tile, Element>(w, shared, sums);
  if (splits > 1) {
    float4* const to = PartialOf<Tile>(layer, sample, split);
    ForEachFragment<Tile>(sums, [&](const float(&v)[4], int i) {
      StoreVector(to + i * Tile::kThreads, make_float4(v[0], v[1], v[2], v[3]));
    });
  } else {
    __syncthreads();  // weights and halo of the last step: read by all warps | overwritten by the epilogue
    Epilogue::template Finish<Tile, Element>(p.epilogue, place, sums, shared);
  }
}

// Grid (tiles of pixels, tiles of outputs, samples).
template <class Tile, class Element, class Epilogue>
__global__ __launch_bounds__(Tile::kThreads, Tile::kBlocks) void ReduceGemm(GemmParams<Epilogue> p) {
  MIEN_DYNAMIC_SHARED(std::byte, shared);
  const int sample = static_cast<int>(blockIdx.z);
  Sums<Tile> sums = {};
  for (int split = 0; split < p.layer.grid.splits; ++split) {
    const float4* const from = PartialOf<Tile>(p.layer, sample, split);
    ForEachFragment<Tile>(sums, [&](float(&v)[4], int i) {
      const float4 part = LoadVector<float4>(from + i * Tile::kThreads);
      v[0] += part.x;
      v[1] += part.y;
      v[2] += part.z;
      v[3] += part.w;
    });
  }
  Epilogue::template Finish<Tile, Element>(p.epilogue, PlaceOf<Tile>(p.layer, sample), sums, shared);
}

// Puts the convolution into the stream.
template <class Tile, class Element, class Epilogue>
Status RunGemm(const GemmLayer& layer, int batch, const typename Epilogue::Params& epilogue, Stream stream) {
  const GemmParams<Epilogue> p = {layer, epilogue};
  const GemmGrid& grid = layer.grid;
  const auto blocks = [&](int z) {
    return dim3(static_cast<unsigned>(grid.tiles()), static_cast<unsigned>(grid.output_tiles),
                static_cast<unsigned>(z));
  };
  const auto shared = static_cast<size_t>(Tile::SharedBytes(grid.split_chunks, sizeof(Element)));
  MIEN_TRY((Launch<ImplicitGemm<Tile, Element, Epilogue>>(blocks(batch * grid.splits), Tile::kThreads, shared,
                                                          stream, p)));
  if (grid.splits == 1) return {};
  return Launch<ReduceGemm<Tile, Element, Epilogue>>(blocks(batch), Tile::kThreads, shared, stream, p);
}

}  // namespace mien::MIEN_EXECUTOR
