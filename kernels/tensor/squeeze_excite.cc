// Packed, floats: fc1[hidden][Cs], then fc2 transposed, [hidden][Cs].
#include "kernels/tensor/squeeze_excite.h"

#include <algorithm>

namespace mien {

uint64_t FastSqueezeExcite::PackedBytes(const Weights& w) {
  return 2 * sizeof(float) * static_cast<uint64_t>(w.hidden * MapChannels(w.channels));
}

void FastSqueezeExcite::Pack(const Weights& w, Inputs<float> sources, std::byte* packed) {
  const int64_t stored = MapChannels(w.channels);
  float* const fc1 = reinterpret_cast<float*>(packed);
  float* const fc2 = fc1 + w.hidden * stored;
  std::fill_n(fc1, 2 * w.hidden * stored, 0.0f);
  for (int h = 0; h < w.hidden; ++h) {
    for (int c = 0; c < w.channels; ++c) {
      fc1[h * stored + c] = sources[kFc1].data[h * w.channels + c];
      fc2[h * stored + c] = sources[kFc2].data[c * w.hidden + h];
    }
  }
}

uint64_t FastSqueezeExcite::ResultBytes(const Params& p, int) {
  return MapBytes(p.precision, p.batch, p.height, p.width, p.weights.channels);
}

uint64_t FastSqueezeExcite::ScratchBytes(const Params& p) {
  if (p.parts > 0) return 0;
  const int64_t parts = (p.height * p.width + kPartPixels - 1) / kPartPixels;
  return sizeof(float) * static_cast<uint64_t>(p.batch * parts * MapChannels(p.weights.channels));
}

FastCost FastSqueezeExcite::Count(const Params& p) {
  const int64_t stored = MapChannels(p.weights.channels), map = static_cast<int64_t>(ResultBytes(p, kY));
  const int64_t shortcut = p.shortcut_height > 0 ? map : 0;  // of a strided one only what is read
  const int64_t sums = 4 * p.batch * p.parts * stored;
  const int64_t elements = p.batch * p.height * p.width * stored;
  return {p.parts > 0 ? 1 : 2, 2 * elements + p.batch * 2 * p.weights.hidden * stored,
          2 * map + shortcut + sums + static_cast<int64_t>(PackedBytes(p.weights) + 2 * ScratchBytes(p))};
}

}  // namespace mien
