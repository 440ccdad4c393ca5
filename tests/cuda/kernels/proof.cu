// Kernels that show what the host runner executes: a block reduction, and a double-buffered cp.async +
// ldmatrix + mma.sync matrix product as the fast convolutions will be built.
#include "kernels/cuda/block.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/device/fragment.h"
#include "tests/cuda/kernels/proof.h"

namespace mien::MIEN_EXECUTOR {
namespace {

struct BlockSumParams {
  const float* in;
  float* out;
  int length;
};

__global__ void SumBlocks(BlockSumParams p) {
  float sum = 0.0f, squares = 0.0f;
  for (int i = ThreadIndex(); Inside(i, p.length); i += static_cast<int>(blockDim.x)) {
    const float x = p.in[static_cast<int>(blockIdx.x) * p.length + i];
    sum += x;
    squares += x * x;
  }
  sum = BlockSum(sum);
  squares = BlockSum(squares);
  if (ThreadIndex() == 0) p.out[2 * blockIdx.x] = sum;
  if (ThreadIndex() == 0) p.out[2 * blockIdx.x + 1] = squares;
}

struct GemmParams {
  const __half *a, *b;
  float* c;
  int m, n, k;
};

constexpr int kTile = 64, kDepth = 32;                // a block computes 64 x 64 outputs, 32 of k at a time
constexpr int kChunk = 8, kChunks = kDepth / kChunk;  // 16 bytes: what cp.async and ldmatrix move

// Place of chunk `chunk` of row `row` in a tile of shared memory, in halves.
constexpr int Swizzled(int row, int chunk) { return row * kDepth + (chunk ^ row / 2 % kChunks) * kChunk; }

// Eight rows at one chunk, what ldmatrix reads at once, lie in the eight different quarters of 128 bytes.
constexpr bool ConflictFree() {
  for (int row = 0; row < kTile; row += 8) {
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      unsigned quarters = 0;
      for (int r = 0; r < 8; ++r) quarters |= 1u << Swizzled(row + r, chunk) / kChunk % 8;
      if (quarters != 0xff) return false;
    }
  }
  return true;
}
static_assert(ConflictFree());

// Rows [first, first + 64) and columns [depth, depth + 32) of a matrix [rows,k]; zeros beyond it.
__device__ void LoadTile(__half* tile, const __half* matrix, int first, int rows, int depth, int k) {
  for (int i = ThreadIndex(); i < kTile * kChunks; i += static_cast<int>(blockDim.x)) {
    const int row = i / kChunks, chunk = i % kChunks, column = depth + chunk * kChunk;
    const bool valid = Inside(first + row, rows) && Inside(column, k);
    const __half* source = valid ? matrix + (first + row) * k + column : matrix;
    AsyncCopy<16>(tile + Swizzled(row, chunk), source, valid);
  }
}

// Four warps, each 32 x 32 outputs: 2 x 4 tiles of mma.
__global__ __launch_bounds__(128) void GemmHalf(GemmParams p) {
  MIEN_SHARED(__half, a_tiles, [2][kTile * kDepth]);
  MIEN_SHARED(__half, b_tiles, [2][kTile * kDepth]);
  const int first_row = static_cast<int>(blockIdx.y) * kTile,
            first_column = static_cast<int>(blockIdx.x) * kTile;
  const int lane = LaneIndex(), warp_row = WarpIndex() / 2 * 32, warp_column = WarpIndex() % 2 * 32;
  const int steps = (p.k + kDepth - 1) / kDepth;
  float sum[2][4][4] = {};

  LoadTile(a_tiles[0], p.a, first_row, p.m, 0, p.k);
  LoadTile(b_tiles[0], p.b, first_column, p.n, 0, p.k);
  AsyncGroupEnd();
  for (int step = 0; step < steps; ++step) {
    const int next = step + 1;
    if (next < steps) {
      LoadTile(a_tiles[next % 2], p.a, first_row, p.m, next * kDepth, p.k);
      LoadTile(b_tiles[next % 2], p.b, first_column, p.n, next * kDepth, p.k);
    }
    AsyncGroupEnd();  // empty after the last tile, so that the wait counts alike in every step
    AsyncGroupWait<1>();
    __syncthreads();  // tiles of this step: landed in every thread | read by the fragment loads
    const __half *a_tile = a_tiles[step % 2], *b_tile = b_tiles[step % 2];
    for (int chunk = 0; chunk < kChunks; chunk += 2) {
      unsigned a[2][4], b[2][4];
      for (int i = 0; i < 2; ++i) {
        LoadMatrices(a[i], a_tile + Swizzled(warp_row + i * 16 + lane % 16, chunk + lane / 16));
        LoadMatrices(
            b[i], b_tile + Swizzled(warp_column + i * 16 + lane / 16 * 8 + lane % 8, chunk + lane / 8 % 2));
      }
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 4; ++j) {
          const unsigned b_pair[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
          MultiplyHalf(sum[i][j], a[i], b_pair);
        }
      }
    }
    __syncthreads();  // tiles of this step: read by all | overwritten by the copies of the next step
  }
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) {
      for (int e = 0; e < 4; ++e) {
        const Element at = FragmentC(lane, e);
        const int row = first_row + warp_row + i * 16 + at.row,
                  column = first_column + warp_column + j * 8 + at.column;
        if (Inside(row, p.m) && Inside(column, p.n)) p.c[row * p.n + column] = sum[i][j][e];
      }
    }
  }
}

struct Tf32Params {
  const float *a, *b;
  float* c;
};

__global__ void MultiplyOneTf32(Tf32Params p) {
  const int lane = LaneIndex();
  unsigned a[4], b[2];
  float c[4] = {};
  for (int i = 0; i < 4; ++i)
    a[i] = ToTf32(p.a[FragmentATf32(lane, i).row * 8 + FragmentATf32(lane, i).column]);
  for (int i = 0; i < 2; ++i)
    b[i] = ToTf32(p.b[FragmentBTf32(lane, i).row * 8 + FragmentBTf32(lane, i).column]);
  MultiplyTf32(c, a, b);
  for (int i = 0; i < 4; ++i) p.c[FragmentC(lane, i).row * 8 + FragmentC(lane, i).column] = c[i];
}

}  // namespace

Status RunBlockSum(const float* in, float* out, int blocks, int length, int threads) {
  const BlockSumParams p = {in, out, length};
  return Launch<SumBlocks>(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, Stream(), p);
}

Status RunGemmHalf(const uint16_t* a, const uint16_t* b, float* c, int m, int n, int k) {
  const GemmParams p = {reinterpret_cast<const __half*>(a), reinterpret_cast<const __half*>(b), c, m, n, k};
  const auto blocks = [](int length) { return static_cast<unsigned>((length + kTile - 1) / kTile); };
  return Launch<GemmHalf>(dim3(blocks(n), blocks(m)), 128, 0, Stream(), p);
}

Status RunMultiplyTf32(const float* a, const float* b, float* c) {
  return Launch<MultiplyOneTf32>(1, 32, 0, Stream(), Tf32Params{a, b, c});
}

}  // namespace mien::MIEN_EXECUTOR
