// Small kernels with one bug each: what the runner must notice. kNone is the correct kernel of the same
// shape.
#pragma once

#include "base/status.h"

namespace mien::simt {

enum class Bug {
  kNone,
  kNoBarrierAfterStore,   // a tile is read that other warps write
  kNoBarrierBeforeStore,  // the next tile overwrites one that is still being read
  kNoSyncWarp,            // lanes exchange through shared memory without __syncwarp
  kUninitialisedShared,
  kUninitialisedTable,    // shared integers nobody wrote, whose poison is the -1 that says "nothing"
  kUninitialisedScratch,  // the same of global memory
  kReadBeyond,  // one element past a global array
  kWriteBeyond,
  kSharedBeyond,         // one element past a shared array
  kDivergentBarrier,     // half of the block at one barrier, half at another
  kEndedBeforeBarrier,   // one thread returns before the barrier
  kBarrierInsideWarpOp,  // half of a warp at a barrier, the other half in a shuffle of the full mask
  kMaskWithoutCaller,
  kMaskWithEndedLane,
  kShuffleFromOutsideMask,
  kMisaligned,      // a 16-byte load from an address that is not a multiple of 16
  kCopyNotAwaited,  // the thread ends with an asynchronous copy under way
  kBlocksRace,      // two blocks write one number
  kTwoLanesWrite,   // two lanes of a warp write one number
};

// Two warps: out[i] = 2 in[(i + 32) % 64] + in[i ^ 1], twice over two rounds. in and out have 64 numbers, in
// from the device's memory (GlobalArray).
Status RunPlanted(Bug bug, const float* in, float* out);

// The ring of kStages tiles through which 8 tiles of 64 numbers flow by asynchronous copies: out = sum of the
// tiles, each read by the neighbour of the thread that copied it.
struct PipelineBug {
  bool lax_wait = false;             // waits for one group too few
  bool no_trailing_barrier = false;  // the tile is overwritten while others still read it
  bool no_leading_barrier = false;   // the neighbour's copy is read before a barrier
};
Status RunPipeline(PipelineBug bug, const float* in, float* out, int tiles);

}  // namespace mien::simt
