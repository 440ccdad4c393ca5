// Shadow memory of the race checker.
#pragma once

#include <cstdint>

namespace mien::simt {

// Who touched a granule. `block` counts blocks from the program's start, so 0 is nobody and every launch is
// newer than the last. `epoch` counts the block's barriers, `time` the thread's own __syncwarps.
struct ShadowAccess {
  uint32_t block = 0;
  uint16_t thread = 0;
  bool atomic = false;
  bool under_way = false;  // an asynchronous copy that has been issued and not yet awaited
  uint32_t epoch = 0, time = 0, site = 0;
};

// The last write and two reads that it does not cover, of different warps if there are such.
struct ShadowCell {
  ShadowAccess write, read[2];
};

}  // namespace mien::simt
