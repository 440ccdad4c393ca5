// Thread orders, and numbers to compute with.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>

#include "base/split_mix.h"
#include "kernels/device/simt/runner.h"

namespace mien::simt {

// Calls `body` in order and in eight seeded priority orders; a failure names the seed.
template <class Body>
void ForEachOrder(const Body& body) {
  Options options = CurrentOptions();
  for (uint64_t seed = 0; seed <= 8; ++seed) {
    CAPTURE(seed);
    options.seed = seed;
    Configure(options);
    body();
  }
  options.seed = 0;
  Configure(options);
}

// Deterministic numbers in [-1, 1).
inline float Value(uint64_t i) { return static_cast<float>(SplitMix(i * kSplitMixStep) >> 40) * 0x1p-23f - 1.0f; }

}  // namespace mien::simt
