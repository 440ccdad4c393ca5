// What a device can do at the most, as kernels that do nothing else: the speeds that a step's time is held
// against (runtime/check/device_times.h). The speed of memory is that of a large addition (kernels/add).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/device/device_api.h"

namespace mien {

enum class Ceiling : uint8_t {
  kHalf,   // multiply-adds by mma.sync of halves
  kTf32,   // by mma.sync of tf32
  kFloat,  // by fmaf
  kCache,  // bytes read from the L2 cache
  kCount
};

constexpr int kCeilingThreads = 256;
constexpr int kCeilingTiles = 8;  // independent sums of tiles of a warp, so that none waits for itself
// Of fmaf: independent chains, and how often each goes on per round.
constexpr int kCeilingChains = 16, kCeilingSteps = 8;
constexpr int kCeilingLoads = 8;  // 16-byte loads under way at once

// What a thread multiplies on tensor cores, two halves or one tf32 number: registers 0 to 3 are of matrix a,
// 4 and 5 of b. Small, of all signs and fractions, for what a multiplier costs depends on its bits.
constexpr uint32_t CeilingFactor(bool half, int thread, int i) {
  const uint32_t bits = (static_cast<uint32_t>(thread) * 8u + static_cast<uint32_t>(i)) * 0x9e3779b9u;
  return half ? 0x30003000u | (bits & 0x83ff83ffu) : 0x3e000000u | (bits & 0x807fe000u);
}

struct CeilingCall {
  int blocks, rounds;
  const float* memory;  // kCache: `bytes`, a power of two, at least 64 KiB; every block reads all of it once a round
  size_t bytes;
  float* out;  // blocks x kCeilingThreads
  Stream stream;
};

// Multiply-adds, or bytes, of a call.
constexpr double CeilingWork(Ceiling ceiling, int blocks, int rounds, size_t bytes) {
  const double each = double{1} * blocks * rounds, warps = kCeilingThreads / 32;
  switch (ceiling) {
    case Ceiling::kHalf:
      return each * warps * kCeilingTiles * 16 * 8 * 16;
    case Ceiling::kTf32:
      return each * warps * kCeilingTiles * 16 * 8 * 8;
    case Ceiling::kFloat:
      return each * kCeilingThreads * kCeilingChains * kCeilingSteps;
    case Ceiling::kCache:
      return each * static_cast<double>(bytes);
    case Ceiling::kCount:
      break;
  }
  return 0.0;
}

}  // namespace mien
