// The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): wherever
// numbers must be the same on every machine. A generator adds kSplitMixStep to its state and mixes it.
#pragma once

#include <cstdint>

namespace mien {

inline constexpr uint64_t kSplitMixStep = 0x9e3779b97f4a7c15u;

constexpr uint64_t SplitMix(uint64_t state) {
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebu;
  return state ^ (state >> 31);
}

}  // namespace mien
