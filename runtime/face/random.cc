#include "runtime/face/random.h"

#include <cmath>

#include "base/split_mix.h"

namespace mien {

// MT19937 (Matsumoto and Nishimura, 1998) with its init_genrand.
RandomState::RandomState(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < state_.size(); ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
}

uint32_t RandomState::Next() {
  constexpr int kSize = 624, kShift = 397;
  if (at_ == kSize) {
    for (int i = 0; i < kSize; ++i) {
      const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kSize] & 0x7fffffffu);
      state_[i] = state_[(i + kShift) % kSize] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
    }
    at_ = 0;
  }
  uint32_t y = state_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double RandomState::Uniform() {
  const uint32_t high = Next() >> 5, low = Next() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

// The polar method; NumPy hands out the second of a pair first.
double RandomState::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double x1, x2, square;
  do {
    x1 = 2.0 * Uniform() - 1.0;
    x2 = 2.0 * Uniform() - 1.0;
    square = x1 * x1 + x2 * x2;
  } while (square >= 1.0 || square == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(square) / square);
  spare_ = factor * x1;
  has_spare_ = true;
  return factor * x2;
}

void RandomState::Normals(std::span<float> out) {
  for (float& value : out) value = static_cast<float>(Normal());
}

// Box-Muller: elements 2j and 2j+1 come from one pair of uniform numbers hashed from (seed, stream, j).
void FillNoise(uint64_t seed, uint64_t stream, std::span<float> out) {
  const uint64_t base = SplitMix(SplitMix(seed + kSplitMixStep) + (stream + 1) * kSplitMixStep);
  for (size_t i = 0; i < out.size(); i += 2) {
    const uint64_t first = SplitMix(base + (i + 1) * kSplitMixStep), second = SplitMix(base + (i + 2) * kSplitMixStep);
    const double u = (static_cast<double>(first >> 11) + 1.0) * 0x1p-53;  // (0,1]
    const double v = static_cast<double>(second >> 11) * 0x1p-53;         // [0,1)
    const double radius = std::sqrt(-2.0 * std::log(u)), angle = 6.283185307179586 * v;
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace mien
