// Smooth value noise on integer lattices. The lattice values are constants of the program, the same for
// every person, so whatever is drawn with them is a function of the surface coordinates alone.
#pragma once

#include "lanes.h"

namespace portraits {

template <class I>
I scramble(I n) {
  n = (n ^ ((n >> 15) & 0x1ffff)) * 0x2c1b3c6d;
  n = (n ^ ((n >> 12) & 0xfffff)) * 0x297a2d39;
  return n ^ ((n >> 15) & 0x1ffff);
}

// Uniform in [0,1) for a whole number
inline float chance_of(int n) { return float(scramble(n * 0x9e3779b1 + 77) & 0xffff) * (1 / 65536.0f); }

// In [-1,1]
inline Lanes noise(Points p) {
  const Lanes x = floor(p.x), y = floor(p.y), z = floor(p.z);
  const LaneMask hx = to_int(x) * 0x1b873593, hy = to_int(y) * 0x27d4eb2f, hz = to_int(z) * 0x165667b1;
  const Lanes fx = ease(p.x - x), fy = ease(p.y - y), fz = ease(p.z - z);
  const auto corner = [&](int a, int b, int c) {
    const LaneMask n = scramble((hx + a * 0x1b873593) ^ (hy + b * 0x27d4eb2f) ^ (hz + c * 0x165667b1));
    return to_float(n & 0xffff) * (1 / 32768.0f) - 1.0f;
  };
  const auto row = [&](int b, int c) { return mix(corner(0, b, c), corner(1, b, c), fx); };
  return mix(mix(row(0, 0), row(1, 0), fy), mix(row(0, 1), row(1, 1), fy), fz);
}

inline Lanes noise(Lanes u, Lanes v) {
  const Lanes x = floor(u), y = floor(v);
  const LaneMask hx = to_int(x) * 0x1b873593, hy = to_int(y) * 0x27d4eb2f;
  const Lanes fx = ease(u - x), fy = ease(v - y);
  const auto corner = [&](int a, int b) {
    const LaneMask n = scramble((hx + a * 0x1b873593) ^ (hy + b * 0x27d4eb2f));
    return to_float(n & 0xffff) * (1 / 32768.0f) - 1.0f;
  };
  return mix(mix(corner(0, 0), corner(1, 0), fx), mix(corner(0, 1), corner(1, 1), fx), fy);
}

}  // namespace portraits
