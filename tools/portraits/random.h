// Random numbers spelled out (splitmix64, Box-Muller): the standard library's distributions differ between
// implementations, the pictures must not.
#pragma once

#include "lanes.h"

namespace portraits {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  float uniform() { return (float(next() >> 40) + .5f) / 16777216.0f; }
  float gaussian() {
    const float r = sqrt(-2 * 0.69314718f * log2(uniform()));
    return r * wave(uniform() + 0.25f);
  }
  bool chance(float p) { return uniform() < p; }

 private:
  uint64_t state_;
};

}  // namespace portraits
