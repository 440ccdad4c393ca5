#include "kernels/cuda/ptx.cuh"
#include "kernels/executor/instruction_probes.h"

namespace mien::MIEN_EXECUTOR {

Status RunWrapper(Wrapper wrapper, const WrapperCall& call);

namespace {

struct WrapperParams {
  const unsigned* in;
  unsigned* out;
};

// The words of the running lane.
struct LaneWords {
  const unsigned* block;
  unsigned* answers;

  __device__ unsigned in(int word) const { return block[word * kWarpSize + LaneIndex()]; }
  __device__ void Answer(int word, unsigned value) const { answers[word * kWarpSize + LaneIndex()] = value; }
};

template <int kBytes>
struct TryAsyncCopy {
  static __device__ void Run(const LaneWords& lane) {
    constexpr int kWords = kBytes / 4, kGroup = 4 * kWarpSize;
    MIEN_SHARED(unsigned, pieces, [2][4 * kWarpSize]);
    const int own = LaneIndex() * kWords, other = (kWarpSize - 1 - LaneIndex()) * kWords;
    const unsigned valid = lane.in(8);
    AsyncCopy<kBytes>(&pieces[0][own], lane.block + own, (valid & 1u) != 0);
    AsyncGroupEnd();
    AsyncCopy<kBytes>(&pieces[1][own], lane.block + kGroup + own, (valid & 2u) != 0);
    AsyncGroupEnd();
    AsyncGroupWait<1>();
    __syncthreads();  // the first pieces: landed | read by other lanes
    for (int i = 0; i < kWords; ++i) lane.Answer(i, pieces[0][other + i]);
    AsyncGroupWait<0>();
    __syncthreads();  // the second pieces: landed | read by other lanes
    for (int i = 0; i < kWords; ++i) lane.Answer(kWords + i, pieces[1][other + i]);
  }
};

template <int kCount, bool kTransposed>
struct TryLoadMatrices {
  static __device__ void Run(const LaneWords& lane) {
    MIEN_SHARED(unsigned, rows, [kWarpSize][4]);
    StoreVector(rows[LaneIndex()], make_uint4(lane.in(0), lane.in(1), lane.in(2), lane.in(3)));
    __syncthreads();  // rows: written by their lanes | read by others
    unsigned registers[kCount];
    LoadMatrices<kCount, kTransposed>(registers, rows[kWarpSize - 1 - LaneIndex()]);
    MIEN_UNROLL
    for (int i = 0; i < kCount; ++i) lane.Answer(i, registers[i]);
  }
};

template <bool kHalf>
struct TryMultiply {
  static __device__ void Run(const LaneWords& lane) {
    const unsigned a[4] = {lane.in(0), lane.in(1), lane.in(2), lane.in(3)}, b[2] = {lane.in(4), lane.in(5)};
    float d[4];
    MIEN_UNROLL
    for (int i = 0; i < 4; ++i) d[i] = __uint_as_float(lane.in(6 + i));
    if constexpr (kHalf)
      MultiplyHalf(d, a, b);
    else
      MultiplyTf32(d, a, b);
    MIEN_UNROLL
    for (int i = 0; i < 4; ++i) lane.Answer(i, __float_as_uint(d[i]));
  }
};

struct TryToTf32 {
  static __device__ void Run(const LaneWords& lane) {
    for (int i = 0; i < 4; ++i) lane.Answer(i, ToTf32(__uint_as_float(lane.in(i))));
  }
};

// Of all lanes, then of the first kSomeLanes.
#define MIEN_TRY_WARP(name, type)                                                            \
  struct Try##name {                                                                         \
    static __device__ void Run(const LaneWords& lane) {                                      \
      lane.Answer(0, static_cast<unsigned>(name(kFullWarp, static_cast<type>(lane.in(0))))); \
      unsigned some = lane.in(1);                                                            \
      if (LaneIndex() < kSomeLanes)                                                          \
        some = static_cast<unsigned>(name((1u << kSomeLanes) - 1, static_cast<type>(some))); \
      lane.Answer(1, some);                                                                  \
    }                                                                                        \
  };
MIEN_TRY_WARP(WarpAdd, unsigned)
MIEN_TRY_WARP(WarpMin, int)
MIEN_TRY_WARP(WarpMax, int)
MIEN_TRY_WARP(WarpAnd, unsigned)
MIEN_TRY_WARP(WarpOr, unsigned)
#undef MIEN_TRY_WARP

using TryAsyncCopy4 = TryAsyncCopy<4>;
using TryAsyncCopy8 = TryAsyncCopy<8>;
using TryAsyncCopy16 = TryAsyncCopy<16>;
using TryLoadMatrices1 = TryLoadMatrices<1, false>;
using TryLoadMatrices2 = TryLoadMatrices<2, false>;
using TryLoadMatrices4 = TryLoadMatrices<4, false>;
using TryLoadTransposed1 = TryLoadMatrices<1, true>;
using TryLoadTransposed2 = TryLoadMatrices<2, true>;
using TryLoadTransposed4 = TryLoadMatrices<4, true>;
using TryMultiplyHalf = TryMultiply<true>;
using TryMultiplyTf32 = TryMultiply<false>;

template <class Try>
__global__ void CallWrapper(WrapperParams p) {
  const int block = static_cast<int>(blockIdx.x);
  Try::Run({p.in + block * kWrapperIn * kWarpSize, p.out + block * kWrapperOut * kWarpSize});
}

}  // namespace

Status RunWrapper(Wrapper wrapper, const WrapperCall& call) {
  const WrapperParams params = {call.in, call.out};
  switch (wrapper) {
#define MIEN_WRAPPER(name, text, words) \
  case Wrapper::k##name:                \
    return Launch<CallWrapper<Try##name>>(kWrapperBlocks, kWarpSize, 0, call.stream, params);
#include "kernels/executor/instruction_probes.def"
#undef MIEN_WRAPPER
    case Wrapper::kCount:
      break;
  }
  return {};
}

}  // namespace mien::MIEN_EXECUTOR
